"""Everyday knowledge over two to five turns: one topic, several questions, no tools."""

from __future__ import annotations

from kappa_data.records import Task
from kappa_data.tasks.material.talks import assembled, chosen, rounds
from kappa_data.tasks.wording import Wording

NAME = "general_talk"
GROUP = "chat"
TOOLS: tuple[str, ...] = ()
PROGRAMS: tuple[str, ...] = ()

SEEDS = 652
"""topics times plans: two conversations on a topic share at most three questions of five"""

_OPENINGS = (
    "{ask}",
    "{ask}",
    "<Hi|Hello|Hey|Good evening>! {ask}",
    "<I have|Here's> a question about {about}. {ask}",
    "{ask} <Just curious.|My kids want to know.|We argued about it at lunch.|It was in a quiz.>",
    "<Can we talk about|Let's talk about|I've been thinking about> {about}. {ask}",
    "<Hi there|Hello>,\n\n{ask}\n\n<Thanks|Thank you|Cheers>",
    "{ask} <A few sentences are enough.|Short answer is fine.|In plain words, please.>",
    "<so I've been reading about|my neighbour keeps going on about> {about}. {ask}",
    "<Maybe a silly question:|Something I never understood:|Quick one.> {ask}",
)
_NEXT = (
    "{ask}",
    "{ask}",
    "<OK|Alright|Right>. {ask}",
    "<Interesting.|Good to know.|Ah, that explains it.|I didn't know that.> {ask}",
    "<And another thing:|One more:|Next question:|While we're at it:> {ask}",
    "<Thanks.|Great.|Makes sense.> {ask}",
)


def make(seed: int) -> Task:
    """The task of `seed`; the questions of its plan come in random order."""
    w = Wording(NAME, seed)
    every = rounds("talk_general_")
    topic, plan = every[seed % len(every)]
    asked = [topic.questions[number] for number in w.some(plan, len(plan))]
    opening = chosen(w, w.pick(_OPENINGS)).replace("{about}", topic.about)
    return assembled(
        NAME,
        seed,
        opening.replace("{ask}", chosen(w, asked[0].ask)),
        [chosen(w, w.pick(_NEXT)).replace("{ask}", chosen(w, each.ask)) for each in asked[1:]],
        asked,
    )
