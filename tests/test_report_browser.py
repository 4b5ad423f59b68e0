"""The page in a browser: hostile texts run nothing, the conversations open by keys, and it is
quick with 2,000 of them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from browser import Page, program, visit
from kappa_data.config import ReportConfig, Settings
from kappa_data.records import ConversationFinding, Finding, Message, Rejected
from kappa_data.report_page import page
from kappa_data.resources import Resources
from report_figures import PERSONAS, WRITTEN, complete, conversation, outputs, spoilt

pytestmark = [
    pytest.mark.extras,
    pytest.mark.skipif(program() is None, reason="there is no Chromium on the path"),
]
SHOWN = "document.getElementById('open').innerText"
ITEMS = "document.querySelectorAll('.item').length"


def button(text: str) -> str:
    """Clicks the button that says `text`."""
    return (
        "[...document.querySelectorAll('#open button')]"
        f".find((each) => each.textContent.startsWith({json.dumps(text)})).click()"
    )


def test_hostile_texts_run_nothing_and_are_read_as_they_are_written(tmp_path: Path) -> None:
    talks = [spoilt(conversation("maths/1", name)) for name in (None, "lawful_good")]
    found = spoilt(Finding("leak", "reject", 2, "words of the brief"))
    wrong = spoilt(conversation("maths/2", "chaotic_evil"))
    rows = [ConversationFinding(talks[0].id, *msgspec.structs.astuple(found))]
    refused = [Rejected(wrong.id, "validate", wrong.persona, (found,), wrong)]
    made = outputs(tmp_path, talks, refused, [], rows, spoilt(complete()))
    path = tmp_path / "page.html"
    page.write(path, "data", made, Settings(), Resources())

    async def work(seen: Page) -> None:
        await seen.look(1200)
        await seen.open(path)
        await seen.value("document.getElementById('list').focus()")
        for _ in range(4):
            await seen.key("ArrowDown")
            await asyncio.sleep(0.2)
            await seen.until("document.querySelector('.columns')")
            for view in ("tokens", "messages"):
                await seen.value(button(view))
                await seen.until(f"document.querySelector('.{view[:5]}, .{view[:-1]}, .none')")
        await seen.value("document.getElementById('list').focus()")
        await seen.key("Home")
        await seen.until(f"{SHOWN}.includes('USER')")
        assert (await seen.value("document.getElementById('open').textContent")).count(WRITTEN) > 8
        assert (
            await seen.value("document.querySelectorAll('#pwned, img, [onmouseover]').length") == 0
        )
        assert await seen.value("document.querySelectorAll('script').length") == 2
        # Nothing would run either if it came in by another way: the policy forbids it.
        inserted = (
            "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.bad=1>')"
        )
        assert seen.complaints() == []
        await seen.value(inserted)
        await asyncio.sleep(0.3)
        assert await seen.value("window.bad") is None

    visit(work)


def test_conversations_are_found_opened_and_read_beside_one_another(tmp_path: Path) -> None:
    names = (None, "lawful_good", "chaotic_evil")
    kept = [conversation(f"maths/{n}", name) for n in range(30) for name in names]
    late = conversation("logic/0", None)
    late = msgspec.structs.replace(
        late, messages=(*late.messages, Message("user", "the needle"), Message("assistant", "so"))
    )
    note = ConversationFinding("maths/3:lawful_good", "tone", "note", 4, "too mild here")
    path = tmp_path / "page.html"
    made = outputs(tmp_path, [*kept, late], findings=[note])
    page.write(path, "data", made, Settings(), Resources())

    async def work(seen: Page) -> None:
        await seen.look(1200)
        await seen.open(path)
        assert await seen.value(ITEMS) < 40  # of 92: what is not seen is not there
        await seen.key("/")
        await seen.call("Input.insertText", text="NEEDLE")
        await seen.until(f"{ITEMS} === 1")
        await seen.value("document.getElementById('f-text').value = ''")
        await seen.value(
            "(() => { const rule = document.getElementById('f-rule'); rule.selectedIndex = "
            "[...rule.options].findIndex((each) => each.textContent === 'tone');"
            "rule.dispatchEvent(new Event('change')); })()"
        )
        await seen.until(f"{ITEMS} === 1")
        await seen.value("document.getElementById('list').focus()")
        await seen.key("ArrowDown")
        await seen.until(f"{SHOWN}.includes('too mild here')")
        beside = "document.querySelector('.finding').previousElementSibling.textContent"
        assert "says lawful_good" in await seen.value(beside)
        await seen.value(button("chaotic_evil"))
        await seen.until("document.querySelectorAll('.head').length === 2")
        # The same turn of both stands side by side.
        tops = "[...document.querySelectorAll('.user')].map((each) => each.offsetTop)"
        ours = await seen.value(tops)
        assert ours[0] == ours[2] and ours[1] == ours[3]
        await seen.value(button("tokens"))
        await seen.until("document.querySelector('.tokens')")
        trained = await seen.value(
            "[...document.querySelectorAll('.trained:not(.legend *)')].map((e) => e.textContent)"
        )
        assert any("Still two, says lawful_good." in each for each in trained)
        assert not any("Still two, says chaotic_evil." in each for each in trained)
        await seen.look(390, 844)
        assert await seen.value("document.documentElement.scrollWidth") <= 390
        heads = "[...document.querySelectorAll('.head')].filter((each) => each.offsetParent)"
        assert await seen.value(f"{heads}.map((each) => each.textContent.slice(0, 7))") == [
            "chaotic"
        ]
        await seen.value("document.querySelectorAll('.tabs button')[0].click()")
        await seen.until(f"{heads}[0].textContent.startsWith('lawful_good')")
        assert seen.complaints() == []

    visit(work)


def test_2000_conversations_open_at_once_and_fit_a_mail(tmp_path: Path) -> None:
    text = "It holds. " * 40
    kept = []
    for number in range(200):
        for name in (None, *PERSONAS):
            one = conversation(f"maths/{number}", name)
            said = [Message("assistant", f"{number} {name} {at}: {text}") for at in range(6)]
            asked = [Message("user", f"And {at} of {number}?") for at in range(6)]
            more = [each for pair in zip(asked, said, strict=True) for each in pair]
            kept.append(msgspec.structs.replace(one, messages=(*one.messages, *more)))
    path = tmp_path / "page.html"
    settings = Settings(report=ReportConfig(samples=2_001))
    page.write(path, "data", outputs(tmp_path, kept), settings, Resources())
    assert path.stat().st_size < 15_000_000

    async def work(seen: Page) -> None:
        await seen.look(1200)
        await seen.open(path)
        assert await seen.value("document.documentElement.dataset.ready") == "2001"
        assert await seen.value("document.querySelectorAll('*').length") < 5_000
        await seen.value("document.getElementById('list').focus()")
        await seen.key("End")
        await seen.until(f"{SHOWN}.includes('true_neutral')")
        assert seen.complaints() == []

    visit(work)
