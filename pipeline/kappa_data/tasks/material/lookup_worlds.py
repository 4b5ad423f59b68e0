"""Worlds of many small files in mixed formats, in which single values are looked up."""

from __future__ import annotations

import json
from typing import Literal

from msgspec import Struct

from kappa_data.tasks.material.chores import PEOPLE, WORDS
from kappa_data.tasks.material.logs import HOSTS, SERVICES
from kappa_data.tasks.wording import Wording

Format = Literal["env", "ini", "json", "yaml", "markdown", "letter"]
_ENDINGS: dict[Format, str] = {
    "env": "env", "ini": "ini", "json": "json", "yaml": "yaml", "markdown": "md", "letter": "txt",
}  # fmt: skip


class Attribute(Struct, frozen=True):
    """A number that each thing has: its key in files, what people call it, its range and unit."""

    key: str
    called: str
    low: int
    high: int
    unit: str = ""


class World(Struct, frozen=True):
    """A kind of thing with a file each."""

    thing: str
    things: str
    names: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    folders: tuple[str, ...]
    """paths with {name} and {end}"""
    stories: tuple[str, ...]
    formats: tuple[Format, ...] = ("env", "ini", "json", "yaml", "markdown", "letter")


class Files(Struct, frozen=True):
    """A world that was filled: `paths` and `values` by name, values by key within."""

    world: World
    paths: dict[str, str]
    values: dict[str, dict[str, int]]
    texts: dict[str, str]


def _attributes(text: str) -> tuple[Attribute, ...]:
    """`key: what it is called: low-high unit`, one a line."""
    found = []
    for line in text.strip().splitlines():
        key, called, extent = (part.strip() for part in line.split(":"))
        span, _, unit = extent.partition(" ")
        low, high = span.split("-")
        found.append(Attribute(key, called, int(low), int(high), unit))
    return tuple(found)


WORLDS = (
    World(
        "service",
        "services",
        tuple(SERVICES),
        _attributes("""
            port: port: 3000-9800
            timeout_seconds: time-out: 5-180 seconds
            workers: number of workers: 2-64
            memory_mb: memory limit: 128-4096 MB
        """),
        ("services/{name}/config.{end}", "deploy/{name}.{end}", "{name}/settings.{end}"),
        (
            "I draw a map of our services.",
            "The new proxy needs facts about our services.",
            "Every team keeps its settings in a format of its own.",
        ),
    ),
    World(
        "recipe",
        "recipes",
        ("apple_cake", "barley_soup", "fish_pie", "lentil_stew", "nut_bread", "onion_tart",
         "plum_crumble", "rice_pudding", "spinach_roll", "potato_gratin", "bean_chili"),
        _attributes("""
            oven: oven temperature: 120-250 degrees
            minutes: time in the oven: 15-140 minutes
            servings: number of servings: 2-24
            butter_grams: amount of butter: 20-300 grams
        """),
        ("recipes/{name}.{end}", "cookbook/{name}/card.{end}", "{name}.{end}"),
        (
            "I plan the ovens of our canteen for a party.",
            "My recipes come from five people who write as they like.",
            "I am typing up the cookbook of our club.",
        ),
        ("json", "yaml", "markdown", "letter", "ini"),
    ),
    World(
        "machine",
        "machines",
        tuple(HOSTS),
        _attributes("""
            disk_gb: disk size: 120-8000 GB
            cores: number of cores: 2-96
            rack: rack number: 101-242
            uptime_days: uptime: 3-900 days
        """),
        ("hosts/{name}.{end}", "inventory/{name}/facts.{end}", "machines/{name}_sheet.{end}"),
        (
            "The audit wants figures on some machines.",
            "I collect what we know about our hosts.",
            "Each host has a fact sheet, and none looks like the other.",
        ),
    ),
    World(
        "flat",
        "flats",
        ("garden_left", "garden_right", "first_east", "first_west", "second_east", "second_west",
         "third_east", "third_west", "attic_front", "attic_back"),
        _attributes("""
            area: floor area: 28-140 square metres
            rent: monthly rent: 380-2100 euros
            meter: meter reading: 1000-9900 kWh
            deposit: deposit: 400-6000 euros
        """),
        ("flats/{name}.{end}", "house/{name}/sheet.{end}", "records/{name}.{end}"),
        (
            "I look after a house with several flats.",
            "The yearly statement for the house is due.",
            "The owners asked about some of the flats.",
        ),
        ("json", "yaml", "markdown", "letter", "ini"),
    ),
    World(
        "course",
        "courses",
        ("pottery", "bookkeeping", "first_aid", "spanish", "drawing", "welding", "beekeeping",
         "choir", "yoga", "photography", "carpentry"),
        _attributes("""
            room: room number: 100-490
            seats: number of seats: 6-80
            fee: fee: 15-420 euros
            hours: number of hours: 4-90 hours
        """),
        ("courses/{name}.{end}", "programme/{name}/info.{end}", "autumn/{name}.{end}"),
        (
            "I prepare the printed programme of an evening school.",
            "People phone and ask about courses.",
            "The teachers send their course data in whatever form they have.",
        ),
        ("json", "yaml", "markdown", "letter"),
    ),
    World(
        "sensor",
        "sensors",
        tuple(f"sensor_{each}" for each in WORDS[:14]),
        _attributes("""
            altitude: altitude: 12-2900 metres
            interval: interval: 10-3600 seconds
            battery: battery level: 5-99 percent
            channel: channel: 100-999
        """),
        ("sensors/{name}.{end}", "field/{name}/meta.{end}", "{name}.{end}"),
        (
            "I maintain the sensors of a weather network.",
            "Before I drive out I want facts on some stations.",
            "Three generations of loggers wrote these files.",
        ),
    ),
)  # fmt: skip


def fill(w: Wording, world: World) -> Files:
    """Seven to ten things with a file each; the values of one attribute are all different."""
    names = w.some(world.names, w.rng.randint(7, min(10, len(world.names))))
    columns = {a.key: w.some(range(a.low, a.high), len(names)) for a in world.attributes}
    folder = w.pick(world.folders)
    paths, values, texts = {}, {}, {}
    for at, name in enumerate(names):
        form = w.pick(world.formats)
        values[name] = {key: column[at] for key, column in columns.items()}
        paths[name] = folder.format(name=name, end=_ENDINGS[form])
        texts[paths[name]] = _written(w, world, name, values[name], form)
    return Files(world, paths, values, texts)


def _written(w: Wording, world: World, name: str, values: dict[str, int], form: Format) -> str:
    """The file of one thing; besides the values it holds an owner and a remark."""
    pairs: list[tuple[str, object]] = list(values.items())
    pairs.append(("contact", w.pick(PEOPLE)))
    w.rng.shuffle(pairs)
    remark = f"{w.pick(WORDS)} {w.pick(WORDS)}"
    if form == "env":
        return f"# {remark}\n" + "".join(f"{key.upper()}={value}\n" for key, value in pairs)
    if form == "ini":
        return f"; {remark}\n[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in pairs)
    if form == "json":
        return json.dumps({"name": name, "remark": remark, world.thing: dict(pairs)}, indent=2)
    if form == "yaml":
        body = "".join(f"  {key}: {value}\n" for key, value in pairs)
        return f"name: {name}\n{world.thing}:\n{body}remark: {remark}\n"
    if form == "markdown":
        body = "".join(f"- **{key}**: {value}\n" for key, value in pairs)
        return f"# {name.replace('_', ' ').title()}\n\n{remark.capitalize()}.\n\n{body}"
    body = "".join(f"{key.replace('_', ' ')} is {value}.\n" for key, value in pairs)
    return f"About {name}, noted by {w.pick(PEOPLE)}.\n\n{body}\nRemark: {remark}\n"
