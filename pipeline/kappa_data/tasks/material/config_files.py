"""Configuration files of made-up services in four formats, with their checker and their sheet."""

from __future__ import annotations

import json
from collections.abc import Mapping

from msgspec import Struct

from kappa_data.tasks.wording import Wording

Value = int | bool | str
Values = dict[str, dict[str, Value]]


class Setting(Struct, frozen=True):
    """One setting. `allowed`: (lowest, highest) of an int, the words of a str, () of a bool."""

    section: str
    key: str
    about: str
    allowed: tuple[int, int] | tuple[str, ...]

    @property
    def name(self) -> str:
        """As the checker and the sheet call it."""
        return f"{self.section}.{self.key}"

    @property
    def numeric(self) -> bool:
        """Is it a whole number?"""
        return bool(self.allowed) and isinstance(self.allowed[0], int)

    def draw(self, w: Wording) -> Value:
        """A value that is allowed."""
        if not self.allowed:
            return w.chance(0.5)
        if self.numeric:
            low, high = int(self.allowed[0]), int(self.allowed[1])
            step = 5 if high - low >= 50 else 1
            return w.rng.randrange(low + 1, high, step)
        return str(w.pick([str(word) for word in self.allowed]))


class Service(Struct, frozen=True):
    """What a service does and what can be set."""

    name: str
    does: str
    symptoms: tuple[str, ...]
    settings: tuple[Setting, ...]


def _service(name: str, does: str, symptoms: tuple[str, ...], rows: str) -> Service:
    """`rows`: one setting a line, `section.key | about | lowest to highest` or words or `flag`."""
    settings = []
    for row in rows.strip().splitlines():
        dotted, about, allowed = (part.strip() for part in row.split("|"))
        section, _, key = dotted.partition(".")
        limits: tuple[int, int] | tuple[str, ...] = tuple(allowed.split())
        if allowed == "flag":
            limits = ()
        elif " to " in allowed:
            low, high = allowed.split(" to ")
            limits = (int(low), int(high))
        settings.append(Setting(section, key, about, limits))
    return Service(name, does, symptoms, tuple(settings))


SERVICES = (
    _service(
        "photo-resizer",
        "makes thumbnails of uploaded pictures",
        ("uploads hang in the queue", "no thumbnails have come out since the restart"),
        """
        http.port | port of the web listener | 8000 to 8999
        http.timeout_seconds | longest time for one request | 5 to 120
        http.compress | compress answers | flag
        workers.count | number of worker processes | 1 to 32
        workers.queue | queue that the workers read | fast normal bulk
        images.quality | quality of the JPEG output | 40 to 95
        images.keep_original | keep the uploaded file | flag
        """,
    ),
    _service(
        "parcel-router",
        "assigns parcels to delivery tours",
        ("no tours are planned", "the drivers got yesterday's tours again"),
        """
        planner.horizon_hours | how far ahead tours are planned | 2 to 72
        planner.max_stops | stops of one tour at most | 10 to 180
        planner.mode | what a tour is optimised for | distance time mixed
        depot.bays | loading bays in use | 1 to 40
        depot.night_shift | load during the night | flag
        geo.cache_days | days that an address lookup is kept | 1 to 60
        geo.strict | refuse addresses without a house number | flag
        """,
    ),
    _service(
        "sensor-hub",
        "collects readings from the cold stores",
        ("the dashboard shows no readings", "the cold stores went silent"),
        """
        listen.port | port for the sensors | 5000 to 5999
        listen.backlog | connections that may wait | 16 to 512
        polling.interval_seconds | time between two polls | 5 to 300
        polling.retries | attempts before a sensor counts as lost | 1 to 9
        alarm.celsius | temperature that raises the alarm | 4 to 12
        alarm.channel | where alarms go | mail pager both
        alarm.repeat | repeat an alarm until it is confirmed | flag
        """,
    ),
    _service(
        "mail-digest",
        "sends the daily summary to subscribers",
        ("nobody received the summary", "the summary did not go out this morning"),
        """
        smtp.port | port of the mail relay | 25 to 2525
        smtp.tls | encrypt the connection | flag
        smtp.batch_size | recipients of one batch | 10 to 500
        schedule.hour | hour of the day it is sent | 0 to 23
        schedule.weekdays_only | skip Saturday and Sunday | flag
        content.max_items | entries of one summary at most | 5 to 60
        content.order | order of the entries | newest oldest votes
        """,
    ),
    _service(
        "ledger-export",
        "writes the bookkeeping export every night",
        ("the auditors are missing last night's export", "the export stopped halfway"),
        """
        database.pool_size | open database connections | 2 to 50
        database.statement_timeout | seconds before a query is cancelled | 10 to 900
        database.read_only | use a read-only session | flag
        export.format | format of the export | csv xml fixed
        export.rows_per_file | rows before a new file is begun | 1000 to 90000
        retention.months | months that exports are kept | 6 to 120
        retention.purge | delete what is older | flag
        """,
    ),
    _service(
        "tile-server",
        "serves map tiles to the field tablets",
        ("the tablets show grey squares", "the map stays empty at higher zoom"),
        """
        server.port | port of the tile endpoint | 7000 to 7999
        server.threads | threads that answer requests | 2 to 64
        tiles.max_zoom | deepest zoom level | 10 to 20
        tiles.style | drawing style | plain relief night
        tiles.retina | serve tiles of double size | flag
        cache.megabytes | size of the memory cache | 64 to 4096
        cache.warm_start | fill the cache at start | flag
        """,
    ),
    _service(
        "exam-grader",
        "grades the multiple-choice sheets",
        ("no sheet has been graded since noon", "all results are stuck at pending"),
        """
        scanner.dpi | resolution that sheets are scanned with | 150 to 600
        scanner.deskew | straighten crooked sheets | flag
        grading.pass_percent | share of points to pass | 40 to 75
        grading.penalty | what a wrong answer costs | none half full
        grading.jobs | sheets graded at a time | 1 to 24
        results.publish_hour | hour at which results appear | 6 to 22
        results.anonymous | hide names from the graders | flag
        """,
    ),
    _service(
        "greenhouse-control",
        "opens vents and runs the irrigation",
        ("the vents do not move", "the beds were not watered tonight"),
        """
        climate.target_celsius | temperature to hold | 12 to 30
        climate.vent_step | percent that a vent moves at once | 2 to 25
        climate.fan | speed of the fans | off low high
        water.litres_per_bed | water for one bed and night | 5 to 90
        water.start_hour | hour at which watering starts | 0 to 23
        water.rain_stop | do not water after rain | flag
        logbook.keep_days | days that the logbook is kept | 7 to 365
        """,
    ),
)


def sections(service: Service) -> list[str]:
    """The sections in their order."""
    return list(dict.fromkeys(setting.section for setting in service.settings))


class Line(Struct, frozen=True):
    """One setting as it stands in the file; `text` is None for the value's own spelling."""

    section: str
    key: str
    value: Value
    text: str | None = None


def spelled(value: Value, form: str) -> str:
    """A value as the format writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if form in ("json", "toml") else str(value)


def render(lines: list[Line], form: str, title: str) -> str:
    """The file's text. `form`: json, toml, ini or env."""
    order = list(dict.fromkeys(line.section for line in lines))
    if form == "json":
        blocks = []
        for section in order:
            inside = ",\n".join(
                f'    "{line.key}": {_text(line, form)}'
                for line in lines
                if line.section == section
            )
            blocks.append(f'  "{section}": {{\n{inside}\n  }}')
        return "{\n" + ",\n".join(blocks) + "\n}\n"
    if form == "env":
        names = (f"{line.section}_{line.key}".upper() + f"={_text(line, form)}" for line in lines)
        return f"# {title}\n" + "\n".join(names) + "\n"
    text = f"# {title}\n"
    for section in order:
        text += f"\n[{section}]\n"
        text += "".join(
            f"{line.key} = {_text(line, form)}\n" for line in lines if line.section == section
        )
    return text


def _text(line: Line, form: str) -> str:
    return spelled(line.value, form) if line.text is None else line.text


def in_file(section: str, key: str, form: str) -> str:
    """How a setting is called inside the file."""
    return f"{section}_{key}".upper() if form == "env" else key


_LOADERS = {
    "json": "import json\n\n\ndef load(path):\n    with open(path) as file:\n"
    "        return json.load(file)\n",
    "toml": 'import tomllib\n\n\ndef load(path):\n    with open(path, "rb") as file:\n'
    "        return tomllib.load(file)\n",
    "ini": "import configparser\n\n\ndef plain(text):\n"
    '    if text in ("true", "false"):\n        return text == "true"\n'
    "    return int(text) if text.isdecimal() else text\n\n\n"
    "def load(path):\n    parser = configparser.ConfigParser(interpolation=None)\n"
    "    try:\n        with open(path) as file:\n            parser.read_file(file)\n"
    "    except configparser.Error as error:\n"
    "        raise ValueError(str(error)) from error\n    return {\n"
    "        section: {key: plain(text) for key, text in parser[section].items()}\n"
    "        for section in parser.sections()\n    }\n",
    "env": "def plain(text):\n"
    '    if text in ("true", "false"):\n        return text == "true"\n'
    "    return int(text) if text.isdecimal() else text\n\n\n"
    "def load(path):\n    found = {}\n    with open(path) as file:\n"
    "        for number, line in enumerate(file, start=1):\n            line = line.strip()\n"
    '            if not line or line.startswith("#"):\n                continue\n'
    '            name, equals, text = line.partition("=")\n'
    "            if not equals:\n"
    '                raise ValueError(f"line {number}: no = in {line!r}")\n'
    '            section, _, key = name.strip().lower().partition("_")\n'
    "            found.setdefault(section, {})[key] = plain(text.strip().strip('\"'))\n"
    "    return found\n",
}


def checker(service: Service, form: str, path: str) -> str:
    """A script that prints every problem of the file at `path` and exits with 1 if there is one."""
    rules: dict[str, object] = {}
    for setting in service.settings:
        rules[setting.name] = list(setting.allowed) if setting.allowed else "flag"
    table = "".join(f'    "{name}": {json.dumps(rule)},\n' for name, rule in rules.items())
    return f'''"""Checks the settings of {service.name} before a start."""

import sys
{_LOADERS[form]}

RULES = {{
{table}}}


def problems(settings):
    found = {{f"{{s}}.{{k}}": v for s, keys in settings.items() for k, v in keys.items()}}
    for name in found:
        if name not in RULES:
            yield f"unknown setting {{name}}"
    for name, rule in RULES.items():
        if name not in found:
            yield f"missing setting {{name}}"
            continue
        value = found[name]
        if rule == "flag":
            if not isinstance(value, bool):
                yield f"{{name}}: {{value!r}} is neither true nor false"
        elif isinstance(rule[0], str):
            if value not in rule:
                yield f"{{name}}: {{value!r}} is none of {{', '.join(rule)}}"
        elif not isinstance(value, int) or isinstance(value, bool):
            yield f"{{name}}: {{value!r}} is not a whole number"
        elif not rule[0] <= value <= rule[1]:
            yield f"{{name}}: {{value}} is not within {{rule[0]}} to {{rule[1]}}"


if __name__ == "__main__":
    path = sys.argv[1] if len(sys.argv) > 1 else "{path}"
    try:
        settings = load(path)
    except (ValueError, OSError) as error:
        sys.exit(f"{{path}}: cannot be read: {{error}}")
    faults = list(problems(settings))
    for fault in faults:
        print(fault)
    print("ok" if not faults else f"{{len(faults)}} problems")
    sys.exit(1 if faults else 0)
'''


def comparer(form: str, wanted: Mapping[str, Values]) -> str:
    """A script that exits with 1 unless each file (path -> values) holds exactly these values."""
    return f"""import json
import sys
{_LOADERS[form]}

def typed(values):
    rows = ((s, k, v) for s in sorted(values) for k, v in sorted(values[s].items()))
    return [(s, k, type(v).__name__, v) for s, k, v in rows]


for path, values in json.loads({json.dumps(json.dumps(wanted))}).items():
    if typed(load(path)) != typed(values):
        sys.exit(f"{{path}}: {{set(typed(load(path))) ^ set(typed(values))}}")
"""


def sheet(w: Wording, service: Service, values: Values, site: str) -> str:
    """What the operators agreed on for this site, as a document."""
    head = f"# {service.name} at {site}\n\nThe service {service.does}. Agreed settings:\n\n"
    rows = [
        (setting, spelled(values[setting.section][setting.key], "env"))
        for setting in service.settings
    ]
    style = w.pick(("table", "bullets", "prose"))
    if style == "table":
        body = "| setting | value | meaning |\n|---|---|---|\n" + "".join(
            f"| {setting.name} | {text} | {setting.about} |\n" for setting, text in rows
        )
    elif style == "bullets":
        body = "".join(f"- {setting.about} (`{setting.name}`): {text}\n" for setting, text in rows)
    else:
        body = "".join(f"{setting.name} is {text}: {setting.about}.\n" for setting, text in rows)
    return head + body
