"""A document in numbered sections, into which sentences are put that a task asks for."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from kappa_data.tasks.wording import Wording


class Section(Struct):
    """Paragraphs are lists of sentences; `marks` stand before and after each paragraph."""

    number: int
    heading: str
    paragraphs: list[list[str]]
    marks: list[tuple[str, str]]

    def characters(self) -> int:
        """About what the section takes when it is written out."""
        return sum(len(each) + 1 for sentences in self.paragraphs for each in sentences) + 30

    @property
    def called(self) -> str:
        """How an answer names it."""
        return f'section {self.number} ("{self.heading}")'


class Document(Struct):
    """`kind` is a noun, such as "logbook"; `style` how sections are marked."""

    title: str
    kind: str
    sections: list[Section]
    style: str
    whole: bool = False
    """a text of the user's: what is put in stands in a paragraph of its own"""

    def text(self) -> str:
        """The document written out."""
        out = [self.title]
        for section in self.sections:
            out.append(self.style.format(n=section.number, heading=section.heading))
            for number, (sentences, (before, after)) in enumerate(
                zip(section.paragraphs, section.marks, strict=True), start=1
            ):
                if self.kind in ("manual", "policy"):
                    before = f"{section.number}.{number} "
                elif self.kind == "interviews" and not self.whole:
                    out.append(f"Q. {sentences[0]}\nA. {' '.join(sentences[1:])}")
                    continue
                out.append(f"{before}{' '.join(sentences)}{after}")
        return "\n\n".join(out)

    def put(self, w: Wording, section: Section, text: str) -> None:
        """Puts the sentence somewhere into the section, never before a paragraph's first one."""
        if self.whole:
            at = w.rng.randrange(len(section.paragraphs)) + 1
            section.paragraphs.insert(at, [text])
            section.marks.insert(at, ("", ""))
            return
        paragraph = w.pick(section.paragraphs)
        paragraph.insert(w.rng.randint(1, len(paragraph)), text)

    def put_in_order(self, w: Wording, texts: Sequence[str]) -> list[Section]:
        """Puts the sentences in, in this order and anywhere else; the section of each."""
        paragraphs = [
            (at, number)
            for at, section in enumerate(self.sections)
            for number in range(len(section.paragraphs))
        ]
        few = len(paragraphs) < len(texts)
        chosen = w.rng.choices(paragraphs, k=len(texts)) if few else w.some(paragraphs, len(texts))
        spots = sorted(
            (at, number, w.rng.randint(1, len(self.sections[at].paragraphs[number])))
            for at, number in chosen
        )
        # From the end, so that no spot moves; texts of one spot keep their order that way too.
        for (at, number, place), text in reversed(list(zip(spots, texts, strict=True))):
            section = self.sections[at]
            if self.whole:
                section.paragraphs.insert(number + 1, [text])
                section.marks.insert(number + 1, ("", ""))
            else:
                section.paragraphs[number].insert(place, text)
        return [self.sections[at] for at, _, _ in spots]

    def spread(self, w: Wording, count: int) -> list[Section]:
        """`count` sections in order, different ones as far as there are enough, anywhere."""
        if count <= len(self.sections):
            chosen = sorted(w.some(range(len(self.sections)), count))
        else:
            chosen = sorted(w.rng.randrange(len(self.sections)) for _ in range(count))
        return [self.sections[at] for at in chosen]


def places(sections: Sequence[Section]) -> str:
    """`sections 3, 7 and 12`, each once."""
    numbers = sorted({section.number for section in sections})
    if len(numbers) == 1:
        return f"section {numbers[0]}"
    return f"sections {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
