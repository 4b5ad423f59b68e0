"""How a question about a long document is asked, and how its answer is found in a reply."""

from __future__ import annotations

from kappa_data.records import AnswerCheck
from kappa_data.tasks.wording import Wording, sentence

LABELS = ("Answer", "Result", "Finding", "Value", "Conclusion")
_BEFORE = (
    "{ask}\n\n{line} The text is <below|this>:\n\n{text}",
    "{reason} {ask} {line}\n\n{text}",
    "Question: {ask}\nForm: {line}\nText:\n\n{text}",
    "<document>\n{text}\n</document>\n\n{ask} {line}",
    "{text}\n\n----------\n\n{reason} {ask} {line}",
    "{greeting},\n\n{reason} I paste the whole {kind} below. {ask}\n\n{line}\n\n***\n\n{text}",
    "Read this {kind} <and tell me|and answer one question>.\n\n{text}\n\nThe question: {ask}"
    " {line}",
    '"""\n{text}\n"""\n\n{ask}\n\n{line}',
    "{reason}\n\n{text}\n\nSo, {lower} {line}",
    "{ask} You find it in the {kind} that follows. {line}\n\n---\n{text}\n---",
    "BEGIN OF TEXT\n{text}\nEND OF TEXT\n\n- {ask}\n- {line}",
    "{greeting}! {reason} {ask}\n{line}\n\n{text}\n\n{thanks}",
)
_REASONS = (
    "I have been through this twice and still can't find it.",
    "We inherited these papers and nobody has read them.",
    "There is a dispute, and this is the only source.",
    "I need one thing out of a long text.",
    "My eyes are not good enough for so much small print.",
    "This was scanned last week and has no index.",
    "The auditor wants to know by noon.",
    "I am writing a footnote and want to get it right.",
    "Two colleagues read this and came back with two answers.",
    "Search is no use here, since the same words come up everywhere.",
    "Careful, some of it is out of date by its own account.",
    "The file is long, sorry for that.",
)
_LINES = (
    'Finish with a line "{label}: ..." that holds {what} and nothing else.',
    "Put {what} on a last line of its own that begins with {label}:",
    "The last line has to read `{label}:` and then {what}, alone.",
    "A sentence or two, then a final line of the form {label}: <{what}>.",
    "Tell me where it says so, and end with {label}: and {what} on one line.",
    "I want {what} on a separate last line, after the word {label} and a colon.",
)
_AGAIN = (
    "Same form as before, please.",
    "Again with a line {label}: at the end.",
    "End with {label}: as before.",
    "And the {label}: line again.",
    "Please close with the {label}: line once more.",
)
_TASTE = (
    "{}",
    "Thanks. {}",
    "OK. {}",
    "Good. {}",
    "Next: {}",
    "One more. {}",
    "And also: {}",
    "Then this: {}",
)


def ask_about(w: Wording, text: str, kind: str, ask: str, label: str, what: str) -> str:
    """The opening: the document whole, the question, and the form of the answer's last line."""
    template = w.pick(_BEFORE)
    said = w.say(
        template,
        ask=ask,
        lower=ask[:1].lower() + ask[1:],
        line=w.pick(_LINES).format(label=label, what=what),
        text="\0",
        kind=kind,
        reason=w.pick(_REASONS),
        greeting=w.pick(("Hello", "Hi", "Good morning", "Dear assistant")),
        thanks=w.pick(("Thanks!", "Many thanks.", "Cheers.")),
    )
    return said.replace("\0", text)


def then(w: Wording, ask: str, label: str) -> str:
    """A later question about the same document."""
    return f"{w.pick(_TASTE).format(ask)} {w.pick(_AGAIN).format(label=label)}"


def line(label: str, value: str) -> str:
    """A regular expression for a line `label:` with `value`, a pattern, near its beginning.

    Signs of emphasis are free; no run of blanks or signs is looked at more than once.
    """
    return rf"(?m)^(?:[>*_`#-]|[^\S\n])*+{label}[*_`]*+:[^\n]{{0,40}}?(?:{value})"


def checks(turn: int, label: str, right: str, wrong: tuple[str, ...] = ()) -> AnswerCheck:
    """Wants the answer's line to say `right`; a line that begins with one of `wrong` is refused."""
    start = rf"(?m)^(?:[>*_`#-]|[^\S\n])*+{label}[*_`]*+:(?:[*_`\"'“]|[^\S\n])*+"
    return AnswerCheck(
        turn=turn,
        required=(line(label, right),),
        forbidden=tuple(f"{start}(?:{each})" for each in wrong),
    )


def closed(text: str, label: str, value: str) -> str:
    """An answer: some sentences, then its line."""
    return f"{sentence(text)}\n\n{label}: {value}"
