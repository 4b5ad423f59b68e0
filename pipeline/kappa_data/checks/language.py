"""An answer in another language or script than the one that is spoken in the conversation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kappa_data.checks._facts import Facts
from kappa_data.checks._prose import prose
from kappa_data.checks._text import around, evidence, folded, pieces
from kappa_data.records import Conversation, Finding, Severity

RULES = ("language", "foreign script")

FEWEST_WORDS = 8
"""a shorter line says too little about its language"""
FEWEST_ASKED = 4
"""the same of all that the user said"""
MOST_CHARS = 20_000
"""of each user message, in which its language is looked for"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENGLISH = _words(
    "the and of to is that it you for this with are be on as not have from or was by an "
    "at we can your if will but which has there they all what when more would about so "
    "its use my i he she"
)
# Frequent words of each language that no English text holds, and that are no word of another one
# where that can be had; single letters and what stands in English names (de, la, van) left out.
_PROFILES: Mapping[str, frozenset[str]] = {
    "German": _words(
        "der die das und ist nicht ein eine einen einem einer ich du sie wir ihr mit auf für "
        "von zu dem den des im auch sich als wie oder aber wenn dass wird werden kann können "
        "haben hat sind nach bei aus noch nur über durch hier es zum zur diese dieser dieses"
    ),
    "French": _words(
        "le la les des et est une un dans pour que qui ne pas vous nous je il elle sur avec "
        "ce cette ces mais ou où sont être avoir fait plus par au aux du votre notre leur se "
        "si tout peut c'est il y voici"
    ),
    "Spanish": _words(
        "el la los las un una unos y es que en de del por para con no se su lo como más pero "
        "está están son ser hay este esta estos si al le nos puede tiene cuando donde también "
        "aquí muy usted"
    ),
    "Italian": _words(
        "il lo la gli le un una di del della dei che non è e per con sono questo questa nel "
        "nella si come più ma anche puoi può essere ha hanno al alla quando dove da ci se "
        "ecco"
    ),
    "Portuguese": _words(
        "o os as um uma de do da dos das que não é e em no na para com por são está você mais "
        "mas como se seu sua isso este esta também pode ser quando onde aqui ao"
    ),
    "Dutch": _words(
        "de het een en van is niet dat die ik je wij ze met voor op te zijn aan er om ook als "
        "maar bij naar uit kan wordt worden heeft hebben deze dit door over nog hier"
    ),
    "Swedish": _words(
        "och att det som en ett är inte på för med av till den de jag du vi har kan om men så "
        "från eller när ska här detta den"
    ),
    "Danish or Norwegian": _words(
        "og at det som en et er ikke på for med af av til den de jeg du vi har kan om men så "
        "fra eller når skal her dette"
    ),
    "Polish": _words(
        "i w na z że nie się jest to do jak są dla po przez od czy ale może tak lub oraz "
        "który która które tego tej być go jego przy"
    ),
    "Czech": _words(
        "a v na je že se s z do to pro jako ale by jsou jsem není když nebo který která které "
        "podle tak může být jeho při"
    ),
    "Turkish": _words(
        "ve bir bu için ile de da çok olarak daha gibi ne var değil olan sonra kadar ama veya "
        "her şu ben sen biz siz"
    ),
    "Indonesian": _words(
        "yang dan di ini itu untuk dengan tidak dari pada adalah akan dalam ke juga anda saya "
        "kita bisa atau oleh ada sudah karena"
    ),
    "Vietnamese": _words(
        "và của là có không được cho một các những này trong với để bạn tôi như đã khi từ"
    ),
    "Romanian": _words(
        "și în de la cu este nu un o pe care din că pentru sunt mai să se sau dar acest "
        "această poate fi"
    ),
    "Hungarian": _words(
        "a az és hogy nem egy is van ez meg csak de ha vagy már el kell mint minden"
    ),
    "Finnish": _words(
        "ja on ei että se hän ovat tai mutta kun jos myös niin tämä voi ole sen mitä kuin"
    ),
}
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
# What an English text of any length hardly goes without, or what any of the others holds.
_FOREIGN = (
    frozenset().union(*_PROFILES.values())
    - _ENGLISH
    - _words(
        "a i o y e s z v w se no on do to an as die den per men at over under here go is de "
        "la le en el al du des van son plus fait main si un us she he den me ha by via non by "
        "fi el ne at in so come door care till os met also dem om po go do ole mint ale bin "
        "kan war ou tak her jak las il ze te ci da det"
    )
)

_SCRIPTS: Mapping[str, tuple[str, int]] = {
    "Chinese or Japanese": ("\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff", 1),
    "Korean": ("\u1100-\u11ff\u3130-\u318f\uac00-\ud7af", 1),
    "Cyrillic": ("\u0400-\u052f", 2),
    "Arabic": ("\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc", 2),
    "Hebrew": ("\u0590-\u05ff", 2),
    "Devanagari": ("\u0900-\u097f", 2),
    "Thai": ("\u0e00-\u0e7f", 2),
    "Greek": ("\u0370-\u03ff\u1f00-\u1fff", 4),
    "Indic": ("\u0980-\u0dff", 2),
    "Georgian or Armenian": ("\u0530-\u058f\u10a0-\u10ff", 2),
}
"""letters of each script, and how many in a row are no symbol (formulas hold Greek ones)"""
_RUNS = {
    name: re.compile(f"[{letters}]{{{fewest},}}") for name, (letters, fewest) in _SCRIPTS.items()
}
_FOREIGN_LETTER = re.compile(f"[{''.join(letters for letters, _ in _SCRIPTS.values())}]")
_LETTER = re.compile(r"[^\W\d_]")
_GLOSS = re.compile(r"\([^()\n]{0,200}\)|\[[^\[\]\n]{0,200}\]")
# Where another language is the matter, it may be used.
_MATTER_PARTS = ("translat", "multilingual", "locali", "utf-8", "cyrillic")
_MATTER = frozenset(
    b"language languages unicode utf8 cjk i18n chinese mandarin cantonese japanese korean russian "
    b"ukrainian bulgarian serbian arabic persian farsi urdu hebrew yiddish hindi sanskrit marathi "
    b"nepali bengali tamil thai greek kanji kana hiragana katakana hangul pinyin german french "
    b"spanish italian portuguese dutch swedish danish norwegian polish czech turkish indonesian "
    b"vietnamese romanian hungarian finnish latin swahili georgian armenian haiku anime "
    b"manga".split()
)


def check(conversation: Conversation, facts: Facts) -> Iterator[Finding]:
    """One finding of a rule a message, in answers and in reasoning.

    `language`: a line of prose, or more, in another language than user, tools and system message
    speak; an answer as a whole rejects what we generate where it is the last one, else the message
    is no target. `foreign script`: letters of a script that nobody used, in a text of another one;
    no target, in an import a note. Nothing where the conversation speaks of a language at all.
    """
    theirs: tuple[str, frozenset[str]] | None = None
    imported = conversation.provenance.source == "import"
    last = len(conversation.messages) - 1
    for index, message in enumerate(conversation.messages):
        if message.role != "assistant":
            continue
        for text in filter(None, (message.content, message.reasoning)):
            if not _may_be_foreign(text):
                continue
            if theirs is None:
                theirs = _others(conversation)
            found = _found(text, *theirs)
            if found is None:
                continue
            rule, whole, piece = found
            severity: Severity = "untrain"
            if imported:
                severity = "untrain" if whole else "note"
            elif whole and index == last and text is message.content:
                severity = "reject"
            yield Finding(rule, severity, index, evidence(piece))
            break


def _may_be_foreign(text: str) -> bool:
    """False only where no letter of another script and hardly a word of another language is."""
    if not text.isascii() and _FOREIGN_LETTER.search(text):
        return True
    words = text.split()
    return not _FOREIGN.isdisjoint(words) and len(_FOREIGN.intersection(words)) > 1


def _others(conversation: Conversation) -> tuple[str, frozenset[str]]:
    """What the others said, and the languages in which they said it; in what we generate English
    is one."""
    said = [each.content for each in conversation.messages if each.role != "assistant"]
    asked = [each.content for each in conversation.messages if each.role == "user"]
    # What somebody speaks shows in a few lines; a document may have a million of them.
    some = (line for text in asked for line in text[:MOST_CHARS].split("\n"))
    spoken = {language for line in some if (language := _of(line))}
    if not spoken and (language := _of(" ".join(asked)[:MOST_CHARS], FEWEST_ASKED)):
        spoken = {language}
    if conversation.provenance.source == "generate":
        spoken.add("English")
    return "\n".join(said), frozenset(spoken)


def _found(text: str, said: str, spoken: frozenset[str]) -> tuple[str, bool, str] | None:
    """The rule, whether the text as a whole is foreign, and the piece."""
    own = prose(text)
    foreign = _script(own, said)
    if foreign is not None:
        return foreign
    lines = [(line, language) for line in own.split("\n") if (language := _of(line))]
    strange = [(line, language) for line, language in lines if language not in spoken]
    strange = [each for each in strange if each[1] != "English"]
    # Without a word from the user that tells a language, nobody knows which one was asked for.
    if not strange or not spoken or _of_languages(said):
        return None
    whole = len(strange) * 2 > len(lines)
    return "language", whole, f"{strange[0][1]}: {strange[0][0].strip()}"


def _script(own: str, said: str) -> tuple[str, bool, str] | None:
    if own.isascii():
        return None
    for name, pattern in _RUNS.items():
        first = pattern.search(own)
        if first is None:
            continue
        if re.search(f"[{_SCRIPTS[name][0]}]", said) or _of_languages(said):
            continue
        letters = len(_LETTER.findall(own))
        count = sum(map(len, pattern.findall(own)))
        if count * 5 > letters:
            at = max(0, first.start() - 20)
            return "language", count * 2 > letters, f"{name}: {own[at:].strip()}"
        bare = _GLOSS.sub(lambda found: " " * len(found[0]), own)
        run = pattern.search(bare)
        if run is not None and not _of_languages(own):
            piece = around(own, run).strip()
            return "foreign script", False, f"{name}: {piece}"
    return None


def _of_languages(text: str) -> bool:
    plain = folded(text)
    return any(each in plain for each in _MATTER_PARTS) or not _MATTER.isdisjoint(pieces(text))


def _of(line: str, fewest: int = FEWEST_WORDS) -> str | None:
    """The language of a line by its frequent words; None where they do not tell."""
    found = [folded(word) for word in _WORD.findall(line[:2000])]
    if len(found) < fewest:
        return None
    english = sum(word in _ENGLISH for word in found)
    counts = {name: sum(word in each for word in found) for name, each in _PROFILES.items()}
    best = max(counts, key=counts.__getitem__)
    marked = {word for word in found if word in _PROFILES[best] and word in _FOREIGN}
    if counts[best] * 5 >= len(found) and counts[best] > 2 * english and len(marked) >= 2:
        return best
    return "English" if english * 6 >= len(found) and english > 1 else None
