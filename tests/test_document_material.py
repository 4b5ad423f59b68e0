"""What the document families are made of: checks that leave wording free, and edits that do not."""

from __future__ import annotations

import re
import subprocess
import textwrap
from pathlib import Path

import pytest

from kappa_data.records import Check, CommandCheck
from kappa_data.tasks.families import document_edit
from kappa_data.tasks.material.doc_model import draw, renamed, sources
from kappa_data.tasks.material.near_misses import off_by_one
from kappa_data.tasks.material.spelled import counted
from kappa_data.tasks.material.write_model import day_fact, document_check, material, points, said
from kappa_data.tasks.wording import Wording


def passes(check: Check, folder: Path, files: dict[str, str]) -> bool:
    """Whether the command of the check, which is a plain script, accepts these files."""
    assert isinstance(check, CommandCheck)
    for path, text in {**files, **check.files}.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return subprocess.run(["bash", "-c", check.command], cwd=folder, check=False).returncode == 0


def test_line_breaks_of_an_edited_document_are_free_and_words_are_not(tmp_path: Path) -> None:
    doc = draw(Wording("x", 1), sources()[0])
    text = doc.text()
    wrapped = "\n\n".join(
        block if block[0] in "#|>" else textwrap.fill(block, 60) for block in doc.blocks()
    )
    ruled = wrapped.replace("|---|---:|", "| :--- | ---: |")
    assert wrapped != text
    assert ruled != wrapped
    assert passes(doc.check(), tmp_path, {doc.path: ruled})
    word = re.findall(r"[a-z]{6,}", text)[-1]
    assert not passes(doc.check(), tmp_path, {doc.path: text.replace(word, word[::-1])})
    assert not passes(doc.check(), tmp_path, {doc.path: f"{text}\nMore.\n"})


def test_another_short_version_of_a_wordy_paragraph_passes(tmp_path: Path) -> None:
    """Facts and length decide, not the sentence of the reference."""
    source = next(each for each in sources() if each.title == "Handbook of the Tool Library")
    doc = draw(Wording("x", 1), source)
    section = next(each for each in doc.sections if each.key == source.wordy_in)
    section.text = f"{doc.tight}\n\n{section.text.replace(doc.wordy, '').strip()}"
    doc.limit = 40
    own = "Dirty tools are entered in the logbook and cost 4 euros; dust from normal work is free."
    assert passes(doc.check(), tmp_path, {doc.path: doc.text().replace(doc.tight, own)})
    short = "Dirty tools cost 4 euros, and that is entered by whoever is there at that time."
    assert not passes(doc.check(), tmp_path, {doc.path: doc.text().replace(doc.tight, short)})
    long = f"{own} {own} {own}"
    assert not passes(doc.check(), tmp_path, {doc.path: doc.text().replace(doc.tight, long)})


@pytest.mark.parametrize(
    ("text", "old", "new", "wanted", "count"),
    [
        ("An employee asks employees.", "employee", "colleague", "A colleague asks colleagues.", 2),
        ("a ticket, two tickets", "ticket", "issue", "an issue, two issues", 2),
        ("The sampler took a sample.", "sample", "specimen", "The sampler took a specimen.", 1),
        ("Readers' notes of a reader", "reader", "user", "Users' notes of a user", 2),
    ],
)
def test_a_term_is_renamed_with_number_case_and_article(
    text: str, old: str, new: str, wanted: str, count: int
) -> None:
    assert renamed(text, old, new) == (wanted, count)


def test_making_a_task_leaves_the_shipped_documents_alone() -> None:
    before = [draw(Wording("x", 5), source).text() for source in sources()]
    for seed in range(40):
        document_edit.make(seed)
    assert [draw(Wording("x", 5), source).text() for source in sources()] == before


def test_every_fact_of_a_document_is_found_below_its_heading_alone(tmp_path: Path) -> None:
    parts = [("Decisions", [r"\b40\b"]), ("Actions", ["Ada"])]
    check = document_check("m.md", parts, 20, [r"\b30\b"])
    assert passes(
        check, tmp_path, {"m.md": "# M\n\n## Decisions\n- 40 seats\n\n## ACTIONS:\nAda\n"}
    )
    for wrong in (
        "# M\n\n## Actions\nAda\n\n## Decisions\n40\n",
        "# M\n\n## Decisions\n\n## Actions\nAda 40\n",
        "# M\n\n## Decisions\n40, not 30\n\n## Actions\nAda\n",
        "# M\n\n## Decisions\n40\n\n## Actions\nAda " + "and so on " * 9,
    ):
        assert not passes(check, tmp_path, {"m.md": wrong})


def test_days_and_counts_are_found_in_the_usual_spellings() -> None:
    day = points(Wording("x", 3), material()[0][0])[0].day
    spelled = (said(day), f"{day:%B} {day.day}", day.isoformat(), f"{day.day}.{day.month}.",
               f"the {day.day}th of {day:%B}")  # fmt: skip
    assert all(re.search(day_fact(day), text, re.IGNORECASE) for text in spelled)
    assert not re.search(day_fact(day), f"1{day.day} {day:%B}")
    for text in ("7 rows", "seven rows", "there are Seven"):
        assert re.search(counted(7), text, re.IGNORECASE)
    for text in ("17 rows", "7.5", "seventeen", "70"):
        assert not re.search(counted(7), text, re.IGNORECASE)


@pytest.mark.parametrize(
    ("value", "near"),
    [("33", "34"), ("99", "100"), ("06:59:09", "06:59:10"), ("4.0.5", "4.0.6"), ("j009", "j010")],
)
def test_a_misread_value_is_near_and_another(value: str, near: str) -> None:
    assert off_by_one(value) == near
