"""How a question about a program is asked."""

from __future__ import annotations

from kappa_data.tasks.material.long_talk import Turn
from kappa_data.tasks.wording import Wording

_OPENINGS = (
    "{ask}\n\n```python\n{code}\n```\n\n{line}",
    "```python\n{code}\n```\n\n{ask} {line}",
    "{reason} It is about {about}.\n\n```python\n{code}\n```\n\n{ask}\n{line}",
    "{reason} {ask}\n\n```\n{code}\n```\n{line}",
    "Python 3.12. {ask} {line}\n\n{code}",
    "{greeting}, {lower}\n\n```python\n{code}\n```\n\n{line} Thanks!",
    "Code:\n\n{code}\n\nQuestion: {ask}\nForm: {line}",
    "Quiz on {about}. {ask}\n\n```python\n{code}\n```\n\n{line}",
    "{reason}\n\nFile question.py:\n```python\n{code}\n```\n{ask} {line}",
)
_REASONS = (
    "I am preparing an exam and want to be sure.",
    "My colleague and I read this differently.",
    "No computer at hand, only this printout.",
    "I teach beginners and need the solution with the steps.",
    "This came up in an interview.",
    "I get lost in the third pass every time.",
    "I want to learn to do this in my head.",
    "Found in an old exercise book, the solutions are missing.",
    "Before I run it I'd like to know what to expect.",
    "Trace it by hand for me, please.",
)
_LINES = (
    'Finish with a line "{label}: ..." that holds only {what}.',
    "Show the steps; the last line should read {label}: and then {what}.",
    "Explain how you get there and end with {label}: and {what} on one line.",
    "On the last line put {label}: followed by {what}.",
)


def ask(w: Wording, about: str, code: str, turn: Turn, label: str) -> str:
    """The opening with the program in it."""
    return w.pick(_OPENINGS).format(
        ask=turn.ask,
        lower=turn.ask[:1].lower() + turn.ask[1:],
        code=code,
        about=about,
        reason=w.pick(_REASONS),
        greeting=w.pick(("Hi", "Hello", "Good evening")),
        line=w.pick(_LINES).format(label=label, what=turn.what),
    )
