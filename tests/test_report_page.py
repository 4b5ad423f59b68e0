"""The page of the report: whole, alone, and nobody's text in it is anything but text."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from conftest import kappa, said
from kappa_data.config import Settings
from kappa_data.errors import StageError
from kappa_data.formats.samples import choices, samples
from kappa_data.metrics import mix
from kappa_data.metrics.figures import Figures, of_sections
from kappa_data.metrics.measure import Measure
from kappa_data.printable import plain
from kappa_data.records import ConversationFinding, Finding, Rejected
from kappa_data.report_page import charts, opinion, page, tables
from kappa_data.report_page.drawing import svg
from kappa_data.report_page.drawn import Entry, draw
from kappa_data.report_page.palette import DARK, LIGHT
from kappa_data.resources import Resources
from report_figures import (
    CLASSES,
    HOSTILE,
    WRITTEN,
    complete,
    conversation,
    outputs,
    spoilt,
)

EMPTY = Figures((), (), (), {}, (), {}, (), (), {}, {}, {}, {}, {})
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class Read(HTMLParser):
    """The elements of a page with their attributes, and the text that is shown."""

    VOID = frozenset({"meta", "input"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.comments = 0
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in self.inside:
            self.inside[tag].append("")
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        where = self._open[-1] if self._open else ""
        if where in self.inside:
            self.inside[where][-1] += data
        else:
            self.text += data

    def handle_comment(self, data: str) -> None:
        self.comments += 1


def unpacked(text: str) -> tuple[list[list[object]], list[dict[str, object]]]:
    """The index and the chunks of a page, or of its data."""
    if not text.startswith('{"index"'):
        (text,) = [each for each in Read(text).inside["script"] if each.startswith('{"index"')]
    plain = json.loads(text)
    both = [json.loads(gzip.decompress(base64.b64decode(each)))
            for each in (plain["index"], *plain["chunks"])]  # fmt: skip
    return both[0], both[1:]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of a dataset in which every text of every record is hostile."""
    root = tmp_path_factory.mktemp("hostile")
    talks = [spoilt(conversation("maths/1", name)) for name in (None, "lawful_good")]
    twin = spoilt(conversation("maths/2", "chaotic_evil"))
    found = spoilt(Finding("leak", "reject", 2, "words of the brief"))
    rows = [ConversationFinding(talks[0].id, *msgspec.structs.astuple(found))]
    refused = [Rejected(twin.id, "validate", twin.persona, (found,), twin)]
    made = outputs(root, talks, refused, [], rows, spoilt(complete()))
    page.write(root / "page.html", "data" + HOSTILE[:-1], made, Settings(), Resources())
    return (root / "page.html").read_text()


def test_hostile_texts_make_no_element_and_stay_readable(hostile: str) -> None:
    found = Read(hostile)
    usual = Read(page.render(complete(), page.Samples("{}", 0, 0, {"t": 1}), facts(), Resources()))
    assert {tag for tag, _ in found.elements} <= {tag for tag, _ in usual.elements} | {"strong"}
    assert Counter(tag for tag, _ in found.elements)["script"] == 2
    assert found.comments == 0
    for tag, given in found.elements:
        assert given.get("id") != "pwned"
        assert not any(name.startswith("on") or name in ("src", "style") for name in given), tag
        assert (given.get("href") or "#").startswith("#")
    assert not UNSEEN.search(hostile)
    assert found.text.count(WRITTEN) > 100
    assert "49" not in {each.strip() for each in found.text.split()}  # no template is run


def test_hostile_conversations_are_in_the_page_as_they_are_to_be_read(hostile: str) -> None:
    index, chunks = unpacked(hostile)
    assert {row[4] for row in index} == {"kept", "rejected"}
    texts = "\n".join(map(json.dumps, chunks))
    assert "alert(1)" in texts and not UNSEEN.search("".join(str(each) for each in chunks))
    talk = next(talk for each in chunks for talk in each["talks"] if talk["verdict"])  # type: ignore[attr-defined]
    table = next(each["texts"] for each in chunks if talk in each["talks"])  # type: ignore[operator]
    assert table[talk["verdict"][1]] == WRITTEN


def facts(**more: str) -> dict[str, str]:
    names = ("dataset", "created", "version", "key", "format", "identity")
    return {name: name for name in names} | more


def test_the_policy_names_the_one_style_sheet_and_the_one_script(hostile: str) -> None:
    found = Read(hostile)
    (policy,) = [given["content"] for tag, given in found.elements
                 if given.get("http-equiv") == "Content-Security-Policy"]  # fmt: skip
    script = next(each for each in found.inside["script"] if not each.startswith('{"index"'))
    allowed = dict(each.split(" ", 1) for each in str(policy).split("; "))
    assert allowed["default-src"] == "'none'" and allowed["img-src"] == "data:"
    for name, text in (("script-src", script), ("style-src", found.inside["style"][0])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert allowed[name] == f"'sha256-{digest}'"


def test_the_script_makes_text_only() -> None:
    script = Resources().read(page.SCRIPT)
    forbidden = ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function(",
                 "fetch(", "XMLHttp", "import(", "localStorage")  # fmt: skip
    assert not [each for each in forbidden if each in script]


def test_the_same_outputs_make_the_same_page_and_one_that_is_there_is_left_alone(
    tmp_path: Path,
) -> None:
    made = outputs(tmp_path, [conversation("maths/1", None)])
    one, two = tmp_path / "one.html", tmp_path / "deep" / "two.html"
    for path in (one, two):
        page.write(path, "d", made, Settings(), Resources())
    assert one.read_bytes() == two.read_bytes()
    before = one.stat().st_mtime_ns
    page.write(one, "d", made, Settings(), Resources())
    assert one.stat().st_mtime_ns == before
    page.write(one, "another", made, Settings(), Resources())
    assert "another" in one.read_text()


def test_what_was_not_measured_is_said_in_every_section() -> None:
    found = Read(page.render(EMPTY, page.Samples("{}", 0, 0, {}), facts(), Resources()))
    assert found.text.count("not measured") >= 8
    assert "nothing measured" in found.text and "no judge was asked" in found.text
    assert not [tag for tag, _ in found.elements if tag == "svg"]
    assert charts.card_images(EMPTY) == []


def test_measures_show_value_target_and_state_and_none_is_left_out() -> None:
    shown = {row["name"]: row for _, rows in tables.measures(complete()) for row in rows}
    assert len(shown) == len(complete().measures)
    worst = shown["lowest F1, personas"]
    assert (worst["value"], worst["target"], worst["state"]) == ("0.871", "≥ 0.900", "missed")
    assert shown["lowest F1 beside calls"]["state"] == "too little"
    assert shown["conversations with leaks"]["made"] == "0.80%"


@pytest.mark.parametrize(
    ("kept", "missed", "few", "state", "words"),
    [
        (11, 0, 23, "few", "11 of 34 targets measured, all of them kept. The other 23 of 34 are"),
        (30, 0, 4, "kept", "✓ 30 of 34 targets measured, all of them kept. The other 4 of 34 are"),
        (3, 0, 0, "kept", "✓ 3 of 3 targets measured, all of them kept."),
        (1, 2, 3, "missed", "✗ 2 of 3 measured targets missed: no; no. The other 3 of 6 are"),
    ],
)
def test_the_first_line_says_how_much_was_measured(kept, missed, few, state, words) -> None:
    figures = msgspec.structs.replace(
        EMPTY,
        measures=(
            *(Measure("own", "yes", 1.0, "at least", 0.5),) * kept,
            *(Measure("own", "no", 0.0, "at least", 0.5),) * missed,
            *(Measure("own", "few", None, "at least", 0.5),) * few,
        ),
    )
    found = Read(page.render(figures, page.Samples("{}", 0, 0, {}), facts(), Resources()))
    assert words in " ".join(found.text.split())
    assert ("p", {"class": f"verdict {state}"}) in found.elements


def test_what_came_out_otherwise_than_asked_for_is_listed_and_marked() -> None:
    plan = {
        "groups": {"chat": {"wanted": 0.2, "expected tokens": 100}},
        "families": {"maths": {"wanted": 0.5, "expected tokens": 100}},
        "lengths": {
            "4k": {"wanted": 0.2, "expected tokens": 100},
            "16k": {"wanted": 0.8, "expected tokens": 0},
        },
    }
    made = tuple(mix.shares(plan, [], {}))
    wanted = {(each.table, each.name): each.wanted for each in made}
    assert wanted == {
        ("group", "chat"): 0.2, ("family", "maths"): None,  # asked for by tasks, not by tokens
        ("length", "4k"): 0.2, ("length", "16k"): 0.8,
    }  # fmt: skip
    got = {"chat": 0.205, "4k": 1.0}
    held = tuple(msgspec.structs.replace(each, got=got.get(each.name, 0.0)) for each in made)
    figures = msgspec.structs.replace(EMPTY, mix=held)
    assert tables.off(figures) == [
        ("length 4k", ["20.0%", "100.0%", "100.0%"]), ("length 16k", ["80.0%", "0.0%", "0.0%"]),
    ]  # fmt: skip
    marked = {each: svg(chart).count("s-bad") for each in ("group", "length", "family")
              if (chart := charts.mix_chart(figures, each))}  # fmt: skip
    assert marked["group"] and marked["length"] and not marked["family"]


def test_no_table_is_wider_than_the_page_holds() -> None:
    shown = tables.cells(complete())
    cells = [each for each in complete().cells if each.by == "persona"]
    for each in shown:
        assert all(len(part["heads"]) <= tables.COLUMNS for part in each["parts"])
        for part in each["parts"]:
            assert {len(values) for _, values in part["rows"]} == {len(part["heads"])}
    heads = [head for each in shown if each["by"] == "persona"
             for part in each["parts"] for head in part["heads"]]  # fmt: skip
    assert len(heads) == len(set(heads)) == len({each.key for each in cells})


def test_a_map_shows_every_share_in_text_and_its_colours_are_those_of_both_modes() -> None:
    figures = complete()
    chart = charts.confusion_chart(figures, "beside calls")
    assert chart is not None
    root = ElementTree.fromstring(svg(chart))
    said_there = Counter(each.text for each in root.iter("text"))
    for name, row in figures.confusion["beside calls"].items():
        assert said_there[name] == 2
        for number in row.values():
            assert said_there[f"{number / sum(row.values()):.0%}"[:-1]]
    assert root.get("role") == "img" and root.findtext("title") == root.get("aria-label")
    classes = {each.get("class", "") for each in root.iter()} - {"", "chart"}
    roles = {word[2:] for each in classes for word in each.split()}
    assert roles <= set(LIGHT) and set(LIGHT) == set(DARK)
    assert not [each for each in root.iter() if each.get("style")]
    assert "#01fe" not in svg(chart)


def test_charts_of_the_card_are_pictures_and_always_the_same() -> None:
    drawn = charts.card_images(complete())
    assert [name for name, _, _ in drawn] == ["funnel", "confusion", "voice_by_turn", "mix"]
    assert all(data.startswith(b"\x89PNG\r\n") and alt for _, alt, data in drawn)
    assert charts.funnel(complete()) == drawn[0][2]


def test_charts_of_hostile_names_hold_them_as_text() -> None:
    figures = spoilt(complete())
    for kind in figures.confusion:
        chart = charts.confusion_chart(figures, kind)
        assert chart is not None
        text = svg(chart)
        assert not UNSEEN.search(text)
        assert not [each for each in ElementTree.fromstring(text).iter() if each.get("id") and
                    not re.fullmatch(r"confusion-\d-\w+", each.get("id", ""))]  # fmt: skip


def test_ids_of_a_page_are_there_once(hostile: str) -> None:
    found = Read(hostile)
    ids = Counter(given["id"] for _, given in found.elements if "id" in given)
    assert ids and max(ids.values()) == 1
    used = {str(given["href"])[1:] for _, given in found.elements if given.get("href")}
    assert used <= set(ids)


def entries(tasks: int, families: int) -> list[Entry]:
    """Each task in all voices; now and then one with a rare rule or outcome."""
    return [
        Entry(f"f{task % families}/{task}:{name}", f"f{task % families}/{task}",
              f"f{task % families}", name, "duplicate" if at == 777 else "kept",
              ("rare",) if at == 555 else (), "t", 0, at)
        for task in range(tasks)
        for number, name in enumerate(CLASSES)
        for at in [task * len(CLASSES) + number]
    ]  # fmt: skip


@pytest.mark.parametrize("most", [400, 60, 7, 0])
def test_what_is_drawn_has_an_example_of_everything_and_whole_tasks(most: int) -> None:
    everything = entries(200, 45)
    chosen = draw(everything, most, 0)
    assert len(chosen) <= most and len({each.id for each in chosen}) == len(chosen)
    mixed = random.Random(1).sample(everything, len(everything))
    assert draw(mixed, most, 0) == chosen
    if most >= 60:
        there = {mark for each in chosen for mark in each.marks}
        assert there == {mark for each in everything for mark in each.marks}
    if most == 400:
        sizes = Counter(each.task for each in chosen)
        assert sum(size == len(CLASSES) for size in sizes.values()) >= 35
        assert draw(everything, most, 1) != chosen
    assert draw(everything, len(everything), 0) == draw(mixed, 10_000, 5)


def test_the_browser_holds_messages_findings_and_tokens_of_every_outcome(tmp_path: Path) -> None:
    kept = [conversation("maths/1", name) for name in (None, "lawful_good", "chaotic_evil")]
    twin, wrong = conversation("maths/2", None), conversation("maths/3", None)
    reason = Finding("near-duplicate", "reject", -1, "of maths/1:none")
    leak = Finding("leak", "reject", 2, "words")
    note = ConversationFinding(kept[1].id, "tone", "note", 4, "too mild")
    made = outputs(
        tmp_path, kept, [Rejected(wrong.id, "validate", None, (leak,), wrong)],
        [Rejected(twin.id, "dedupe", None, (reason,), twin)], [note],
    )  # fmt: skip
    found = page.samples(made, Settings())
    index, chunks = unpacked(found.data)
    assert (found.number, found.whole) == (6, 6)
    assert found.teachers == {"some-model": 5}
    outcomes = {row[0]: (row[4], row[5]) for row in index}
    assert outcomes == {
        "maths/1:none": ("kept", []),
        "maths/1:chaotic_evil": ("kept", []),
        "maths/1:lawful_good": ("kept", ["tone"]),
        "maths/2:none": ("duplicate", ["near-duplicate"]),
        "maths/3:none": ("rejected", ["leak"]),
        "maths/9:none": ("rejected", ["cut off"]),
    }
    row = next(row for row in index if row[0] == "maths/1:lawful_good")
    chunk = chunks[row[7]]
    talk = chunk["talks"][row[8]]  # type: ignore[index]
    whole = lambda text: chunk["texts"][text] if isinstance(text, int) else text  # type: ignore[index]  # noqa: E731
    assert talk["findings"] == [["tone", "note", 4, "too mild"]]
    assert [whole(each["text"]) for each in talk["messages"]] == [
        each.content for each in kept[1].messages
    ]
    # The documents' texts are their tokens' texts, and the trained ones are those of the mask.
    form = choices(Settings().tokenize)
    for document, sample in zip(talk["documents"], samples(kept[1], form)[0], strict=True):
        text = "".join(whole(each) for _, each in document["runs"])
        assert text == plain(form.format.decode(sample.ids.tolist()))
        trained = "".join(whole(each) for kind, each in document["runs"] if kind % 2)
        assert trained == plain(form.format.decode(sample.ids[sample.mask == 1].tolist()))
        assert (document["tokens"], document["trained"]) == (len(sample.ids), sample.mask.sum())


def judged(digest: str) -> dict[str, object]:
    """What a judge left."""
    some = {"count": 15, "total": 20, "share": 0.75, "low": 0.53, "high": 0.89}
    none = {"count": 0, "total": 0, "share": None, "low": None, "high": None}
    nobody = {"pairs": 0, "without_fault": 0, "equal": 0, "with_fault": 0, "none": 0}
    return {
        "form": 1, "model": "judge-model" + HOSTILE[:-1], "teacher": "openai-compatible",
        "stage": "dedupe", "judged": digest, "seed": 0, "created": "", "pairs_wanted": 20,
        "tasks": 9, "too_long": 0, "questions": 40, "malformed": 0, "refused": 0, "bias": {},
        "preferred_over_rejected": nobody, "preferred_over_flagged": nobody, "pairs": [],
        "voice": {"lawful_good": {"right": some, "wrong": 2, "flipped": none, "unanswered": 0}},
        "substance": {"lawful_evil": {"equal": some, "better": 3, "worse": 1, "flipped": some,
                                      "unanswered": 0}},
        "voice_and_classifier": {"units": 40, "raw": 0.8, "kappa": 0.612, "table": {}},
        "wrong_and_verifier": {"units": 0, "raw": None, "kappa": None, "table": {}},
    }  # fmt: skip


def test_a_judges_opinion_is_shown_and_said_to_be_old_where_it_is(tmp_path: Path) -> None:
    made = outputs(tmp_path, [conversation("maths/1", None)], figures=EMPTY)
    place = tmp_path / opinion.FILE
    place.parent.mkdir()
    shown = []
    for digest in (made["dedupe"].manifest.sets["conversations"].digest, "of others"):
        place.write_text(json.dumps(judged(digest)))
        path = tmp_path / "p.html"
        page.write(path, "d", made, Settings(), Resources(), opinion.load(tmp_path))
        shown.append(Read(path.read_text()).text)
    assert all("15 of 20 (53% – 89%)" in each and "0.612" in each for each in shown)
    assert all("judge-model" + WRITTEN in each for each in shown)
    assert ["about other conversations" in each for each in shown] == [False, True]
    place.write_text(json.dumps({"form": 2}))
    assert opinion.load(tmp_path) is None
    place.write_text('{"form": 1, "voice"')
    with pytest.raises(StageError, match="damaged"):
        opinion.load(tmp_path)


def test_report_writes_the_page_and_says_where(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built / "data", tmp_path / "data")
    done = kappa("report", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    path = tmp_path / said(done)["page"]
    assert path == tmp_path / "data/persona_kappa/report.html"
    index, chunks = unpacked(path.read_text())
    assert len(index) == sum(len(each["talks"]) for each in chunks) > 0  # type: ignore[arg-type]
    assert not list(path.parent.glob("*.part"))
    again = kappa("report", "--out", "elsewhere/x.html", cwd=tmp_path)
    assert "page: elsewhere/x.html" in again.stdout.replace("\n", " ")
    assert (tmp_path / "elsewhere/x.html").read_bytes() == path.read_bytes()
    refused = kappa("report", "--out", "data", cwd=tmp_path)
    assert refused.returncode == 2 and "name the file" in refused.stderr


def test_figures_come_back_from_their_sections() -> None:
    assert of_sections(complete().sections()) == complete()
