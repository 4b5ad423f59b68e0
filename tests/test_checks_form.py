"""Checks of form: language, endings, loops, the teacher's name, secrets, hidden characters."""

from __future__ import annotations

import json
import random
import string
from base64 import urlsafe_b64encode
from typing import Literal

import msgspec
import pytest

from kappa_data.checks import (
    cut_off,
    hidden_characters,
    language,
    leaked_brief,
    persona_in_reasoning,
    persona_name,
    personal_data,
    repetition,
    secrets,
    teacher_name,
)
from kappa_data.checks._facts import Facts
from kappa_data.checks._prose import lines, prose
from kappa_data.checks._shape import numbers, runs
from kappa_data.records import (
    Conversation,
    Finding,
    FunctionCall,
    Message,
    Provenance,
    ToolCall,
)

FACTS = Facts(
    brief="Speak as a tired servant. Every answer ends with a sigh about the long corridors that "
    "don't end.",
    personas=("lawful_evil", "chaotic_good"),
)
Source = Literal["generate", "import"]


def talk(
    *said: str | Message,
    source: Source = "generate",
    asked: str = "Please look at the report and tell me what it says.",
    **fields: object,
) -> Conversation:
    """A user and an assistant by turns; a Message stands as it is."""
    messages: list[Message] = []
    for each in said:
        if isinstance(each, Message):
            messages.append(each)
        else:
            messages += [Message("user", asked), Message("assistant", each)]
    made = Provenance(source, "none", "embedded")
    return Conversation(id="c", messages=tuple(messages), provenance=made, **fields)


def thought(reasoning: str, **fields: object) -> Conversation:
    user = Message("user", "How long is the file?")
    return talk(user, Message("assistant", "Twelve lines.", reasoning=reasoning), **fields)


def called(*arguments: str, results: tuple[str, ...] = (), source: Source = "generate"):
    messages = [Message("user", "Is the server up?")]
    for n, each in enumerate(arguments):
        function = FunctionCall("bash", json.dumps({"command": each}))
        messages.append(Message("assistant", tool_calls=(ToolCall(f"c{n}", function),)))
        result = results[n] if results else "down"
        messages.append(Message("tool", result, tool_call_id=f"c{n}"))
    return talk(*messages, Message("assistant", "It is down."), source=source)


def found(module: object, whole: Conversation) -> list[Finding]:
    return list(module.check(whole, FACTS))  # type: ignore[attr-defined]


def severities(module: object, whole: Conversation) -> list[str]:
    return [each.severity for each in found(module, whole)]


# --- language ----------------------------------------------------------------------------------

FOREIGN = {
    "German": "Der Bericht ist nicht vollständig, weil die Zahlen für den März noch fehlen und "
    "nicht geprüft werden können.",
    "French": "Le rapport n'est pas complet, parce que les chiffres de mars ne sont pas encore "
    "dans le tableau et que vous ne pouvez pas les vérifier.",
    "Spanish": "El informe no está completo porque los datos de marzo todavía no son definitivos "
    "y no se pueden comprobar con la tabla.",
    "Italian": "Il rapporto non è completo perché i dati di marzo non sono ancora nella tabella e "
    "non si può fare la verifica.",
    "Portuguese": "O relatório não está completo porque os dados de março ainda não são "
    "definitivos e você não pode verificar na tabela.",
    "Dutch": "Het rapport is niet volledig, omdat de cijfers van maart nog niet in de tabel staan "
    "en je ze dus niet kan controleren.",
    "Swedish": "Rapporten är inte klar, eftersom siffrorna för mars inte finns i tabellen och det "
    "är svårt att kontrollera dem.",
    "Polish": "Raport nie jest gotowy, ponieważ dane za marzec nie są jeszcze w tabeli i nie można "
    "ich sprawdzić do tego czasu.",
    "Turkish": "Rapor henüz hazır değil, çünkü mart ayı için veriler tabloda yok ve bu nedenle "
    "kontrol etmek çok zor.",
    "Chinese": "报告还不完整,因为三月份的数字还没有写进表格。",
    "Japanese": "レポートはまだ完成していません。三月の数字が表にないからです。",
    "Russian": "Отчёт не готов, потому что данных за март ещё нет в таблице.",
    "Korean": "보고서는 아직 완성되지 않았습니다. 삼월의 숫자가 표에 없습니다.",
    "Arabic": "التقرير غير مكتمل لأن أرقام شهر مارس ليست في الجدول بعد.",
}
ENGLISH = (
    "The report is not complete, since the figures for March are not in the table yet, and nobody "
    "can check them."
)


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_an_answer_in_another_language_is_found(text: str) -> None:
    assert severities(language, talk(text)) == ["reject"]
    assert severities(language, talk(text, ENGLISH)) == ["untrain"]
    assert severities(language, talk(text, source="import")) == ["untrain"]
    assert severities(language, thought(text)) == ["untrain"]
    assert severities(language, talk(f"{ENGLISH}\n\n{ENGLISH}\n\n{text}")) == ["untrain"]
    # The user speaks it, or speaks of it.
    assert found(language, talk(text, asked=text, source="import")) == []
    assert found(language, talk(text, asked="Translate the first sentence.")) == []


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_an_english_answer_to_another_language_is_the_users_business(text: str) -> None:
    assert found(language, talk(ENGLISH, asked=text, source="import")) == []


@pytest.mark.parametrize(
    "text",
    [
        "The table has twelve rows, 但是 the last one is empty.",
        "We need to check the value. 然后 we write it down.",
        "The sum is right, однако the date is not.",
        "That is a very good 方法 for it.",
    ],
)
def test_words_of_another_script_in_english_are_found(text: str) -> None:
    assert [(each.rule, each.severity) for each in found(language, talk(text))] == [
        ("foreign script", "untrain")
    ]
    assert severities(language, talk(text, source="import")) == ["note"]
    assert severities(language, thought(text)) == ["untrain"]
    assert found(language, talk(text, asked=f"What is this: {text}")) == []


@pytest.mark.parametrize(
    "text",
    [
        'The label "但是" stands in the second row.',
        "The capital is Beijing (北京), the port is Tianjin (天津).",
        "Set `name = '数据'` and run it again.",
        "```python\nname = '数据'  # 名字\n```\nThat prints the name.",
        "The angle θ is 30°, the mean μ is 4 and Δx = 0.1 μm.",
        "In Japanese the word is 言葉.",
        "The naïve café owner ordered crème brûlée à la carte in Malmö.",
        "Las Vegas, Los Angeles and San Francisco are on the list, Rio de Janeiro is not.",
        "✅ Done — the “report” is complete… 🎉",
        "The die is cast; per our plan men and son go on at war.",
        "def f(de, la, el, un): return de + la  # el un de la que no",
    ],
)
def test_names_code_and_symbols_are_no_other_language(text: str) -> None:
    assert found(language, talk(text)) == []
    assert found(language, talk(text, source="import")) == []


# --- endings -----------------------------------------------------------------------------------

WHOLE = "The report covers three months. The sum of the second one is wrong by ten euros."


@pytest.mark.parametrize(
    ("text", "imported"),
    [
        ("The report covers three months. The sum of the", "untrain"),
        ("The report covers three months. The sum is wrong by ten euros,", "untrain"),
        ("The report covers three months. The sum of the second one is wro", "note"),
        ("The report covers three months. The second one (which was written by", "untrain"),
        ("Run this:\n\n```bash\nmake check\n", "untrain"),
        ('{"month": "May", "sum": [1, 2', "untrain"),
        ('{\n  "month": "May",\n  "sums": {"a": 1,', "untrain"),
        ("It is easy to mend. Here are the steps:", "untrain"),
        ("1. Open the file and read it.\n2. Write the sum down.\n3. Close the file and te", "note"),
        ("The value is in `config.toml` and the other one is in **the new sec", "untrain"),
        (f"{WHOLE}\n\n{WHOLE}\n\nAll the other figures of the report have been com", "note"),
    ],
)
def test_an_answer_that_breaks_off_is_found(text: str, imported: str) -> None:
    assert severities(cut_off, talk(text)) == ["reject"]
    assert severities(cut_off, talk(text, WHOLE)) == ["untrain"]
    assert severities(cut_off, talk(text, source="import")) == [imported]


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        "42",
        "Paris",
        "git rebase -i HEAD~3",
        "Sure. Which of these do you want?\n- the card ending in 1234\n- the card ending in 5678",
        "Run this:\n\n```bash\nmake check\n```",
        "````markdown\n```python\nx = 1\n```\n````",
        "```markdown\n# Title\n```python\nx = 1\n```\n```",
        "The options are:\n\n1. Too early\n2. Too late for all of us\n3. Something else",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        '{"month": "May", "sum": [1, 2]}',
        "[Note] The file is empty.",
        "Roses are red\nviolets are blue\nthe server is down\nand so are you",
        "Dear Ms Lee,\n\nthe parcel is late. It comes on Monday.\n\nBest regards,\nTom",
        "I worked it out. Both agree.\n\nAnswer: red house first, blue house second",
        "Good luck with it! Let me know how it goes :)",
        "It took an hour. (It should have taken a minute.)",
        "Done. See https://docs.python.org/3/library/re.html",
        "Let's look.\n\n<function=bash>\n<parameter=command>ls -F</parameter>\n</function>",
        "Let me list the files.\n<command>\nls -F\n</command>",
        "A title for the talk. Mine would be:\n\nHow the West Was Won Again",
        "It is done. Have a great trip! ✈️",
        "a) the first is the one that I would take\nb) the second is for all of the others",
        "He said that this is what it is for. She asked what the fuss was all about?!",
        "",
    ],
)
def test_an_answer_that_is_whole_passes(text: str) -> None:
    assert found(cut_off, talk(text)) == []


def test_text_beside_a_call_may_end_in_a_colon() -> None:
    whole = called("ls")
    spoken = msgspec.structs.replace(whole.messages[1], content="Let me look at the files here:")
    messages = (whole.messages[0], spoken, *whole.messages[2:])
    assert found(cut_off, msgspec.structs.replace(whole, messages=messages)) == []


def test_random_cuts_of_prose_are_mostly_found() -> None:
    rng = random.Random(0)
    text = f"{WHOLE} {ENGLISH} Nobody has looked at the others so far.\n\n{WHOLE} {WHOLE}"
    cuts = [text[: rng.randrange(80, len(text) - 2)] for _ in range(200)]
    hit = sum(bool(found(cut_off, talk(each))) for each in cuts)
    assert hit >= 180
    assert found(cut_off, talk(text)) == []


# --- repetition --------------------------------------------------------------------------------

LINE = "I will check the file again to be sure. "


@pytest.mark.parametrize(
    "text",
    [
        LINE * 5,
        f"{WHOLE} {LINE * 8}",
        f"{WHOLE}\n" + "- the first item of the list\n" * 9,
        "the " * 60,
        f"{WHOLE} {'very ' * 40}",
        f"{ENGLISH} " * 4,
        "".join(f"Step {n} is done. Wait, let me reconsider the whole thing. " for n in range(20)),
        f"```\n{'print(value_of_it)' * 60}\n```",
    ],
)
def test_a_loop_within_a_text_is_found(text: str) -> None:
    assert [(each.rule, each.severity) for each in found(repetition, talk(text))] == [
        ("loop", "untrain")
    ]
    assert [each.rule for each in found(repetition, thought(text))] == ["loop"]


def test_a_loop_in_arguments_is_found() -> None:
    whole = called("echo " + "the same words again and " * 80)
    assert severities(repetition, whole) == ["untrain"]


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        "-" * 400,
        "| --- " * 60,
        "\n".join(f"| {n} | ok | passed |" for n in range(60)),
        "\n".join(f"- test_{n} passed" for n in range(60)),
        "```\n" + "0, 0, 0, 0,\n" * 60 + "```",
        "\n".join(f'{{"id": {n}, "name": "none"}},' for n in range(60)),
        "\n".join(f"2024-05-{n:02} 12:00:00 INFO worker started" for n in range(1, 30)),
        "Row, row, row your boat\ngently down the stream\nmerrily, merrily, merrily, merrily\n" * 2,
        "".join(f"Verse {n} tells of the sea and ship {n}.\nAnd the wind blew on.\n\n"
                for n in range(5)),
        "ha " * 20,
        "AAAA" * 500,
        "<br>" * 200,
        " " * 5000 + "x",
        "Wait. Let me look. Wait. Let me think. Wait. Let me try. It works.",
    ],
)  # fmt: skip
def test_what_is_alike_for_good_reason_is_no_loop(text: str) -> None:
    assert found(repetition, talk(text)) == []


def test_a_loop_is_found_wherever_it_stands_and_whatever_its_length() -> None:
    rng = random.Random(1)
    words = ["".join(rng.choices(string.ascii_lowercase, k=5)) for _ in range(2000)]
    for size in (3, 5, 10, 30, 80):
        for at in (0, 33, 400):
            unit = " ".join(rng.sample(words, size)) + " "
            rounds = max(4, 200 // len(unit) + 1)
            text = " ".join(rng.sample(words, at)) + " " + unit * rounds + " ".join(words[:50])
            assert repetition.loop(text, 4, 120), (size, at)
            assert not repetition.loop(" ".join(words), 4, 120)


def test_the_same_answer_to_another_question_is_found() -> None:
    again = [
        Message("user", "What is in the first file?"), Message("assistant", WHOLE),
        Message("user", "And in the second one?"), Message("assistant", WHOLE),
    ]  # fmt: skip
    assert [(each.rule, each.severity, each.message) for each in found(repetition, talk(*again))] \
        == [("repeated answer", "untrain", 3)]  # fmt: skip
    assert severities(repetition, talk(*again, source="import")) == ["note"]
    # The same question may have the same answer, and short answers come again.
    assert found(repetition, talk(WHOLE, WHOLE)) == []
    short = [msgspec.structs.replace(each, content="You are welcome!") for each in again]
    assert found(repetition, talk(*short)) == []
    # What looks the same is a call, written out.
    act = (
        "Again:\n<function=bash>\n<parameter=command>make the tests of it</parameter>\n</function>"
    )
    acts = [again[0], Message("assistant", act), again[2], Message("assistant", act)]
    assert found(repetition, talk(*acts)) == []


def test_the_same_call_with_the_same_result_is_found() -> None:
    assert [(each.rule, each.message) for each in found(repetition, called(*["ping x"] * 4))] == [
        ("repeated call", 5), ("repeated call", 7),
    ]  # fmt: skip
    assert severities(repetition, called(*["ping x"] * 3, source="import")) == ["note"]
    assert found(repetition, called("ping x", "ping x")) == []
    assert found(repetition, called("ping x", "ping y", "ping x")) == []
    assert found(repetition, called(*["ping x"] * 3, results=("down", "down", "up"))) == []


# --- the teacher's name ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "I'm ChatGPT, a large language model trained by OpenAI.",
        "I am Claude, made by Anthropic.",
        "My name is Gemini.",
        "I was developed by Google DeepMind.",
        "I was created by the team at Mistral AI to help.",
        "You are talking to Qwen here.",
        "As an AI assistant developed by Meta, I have no feelings.",
        "I'm an AI language model called GPT-4o.",
        "I'm actually DeepSeek-V3.",
        "My creators at OpenAI decided that.",
        "OpenAI created me to help.",
        "We are gpt-oss and have to answer.",
    ],
)
def test_a_claim_to_be_somebodys_product_is_found(text: str) -> None:
    for whole in (talk(text), talk(text, asked="Are you ChatGPT?"), talk(text, family="identity")):
        assert [(each.rule, each.severity) for each in found(teacher_name, whole)] == [
            ("teacher name", "reject")
        ]
    assert severities(teacher_name, talk(text, source="import")) == ["untrain"]
    assert severities(teacher_name, thought(text)) == ["untrain"]


def test_who_is_told_a_name_may_say_it() -> None:
    system = Message("system", "You are Claude, made by Anthropic.")
    user, said = Message("user", "Who?"), Message("assistant", "I'm Claude, made by Anthropic.")
    assert found(teacher_name, talk(system, user, said, source="import")) == []


@pytest.mark.parametrize(
    "text",
    [
        "As an AI language model, I have no taste.",
        "As a large language model I cannot see it.",
        "I'm just a language model, so I do not know.",
        "My knowledge cutoff is June 2024.",
        "My training data ends in 2023.",
        "As of my last update, it was version 3.",
        "That is beyond my knowledge cut-off.",
        "Up to my last training cutoff nobody had done it.",
        "I was trained on data up to 2023.",
    ],
)
def test_stock_words_of_a_model_are_found(text: str) -> None:
    for whole in (talk(text), talk(text, source="import"), thought(text)):
        assert [(each.rule, each.severity) for each in found(teacher_name, whole)] == [
            ("teacher name", "untrain")
        ]
    assert found(teacher_name, talk(text, asked="What is your knowledge cutoff?")) == []


@pytest.mark.parametrize(
    "text",
    [
        "I am an AI assistant, not a human being.",
        "You can call the API of OpenAI, or run Llama on your own machine.",
        "Claude Shannon wrote that in 1948. Gemini is a constellation, a llama an animal.",
        'Write: "I\'m ChatGPT, trained by OpenAI."',
        "```\nprint('I am Claude')\n```",
        "The model was trained on ImageNet; its training data is public.",
        "I am Google's customer as much as you are.",
        "I'm using Apple Mail here. I was at Microsoft once, says the author.",
        "The last update of the package was in May.",
        "I'm not ChatGPT.",
        "The library is developed by Google and the format was created by Microsoft.",
        "As an AI model is trained, its loss falls.",
    ],
)
def test_who_only_speaks_of_products_claims_nothing(text: str) -> None:
    assert found(teacher_name, talk(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "The user asks for code. The policy says this is fine. So we answer.",
        "According to OpenAI policies we can do that.",
        "We must comply with policy. It is allowed content.",
        "This is disallowed content? No, it is fine.",
        "Check policy: no violation here.",
        "We must refuse. No, we can help.",
    ],
)
def test_talk_of_a_hidden_policy_is_found(text: str) -> None:
    assert [(each.rule, each.severity) for each in found(teacher_name, thought(text))] == [
        ("policy talk", "untrain")
    ]
    assert severities(teacher_name, thought(text, source="import")) == ["note"]
    assert found(teacher_name, talk(text)) == []  # said, it is no thought
    system = Message("system", "Follow the airline policy. You must refuse or comply with it.")
    assert "policy talk" not in {
        each.rule
        for each in found(
            teacher_name, talk(system, *thought("The policy says no.").messages, source="import")
        )
    }


# --- the persona -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "I should sound gloomy here.",
        "Stay in character and give the sum.",
        "The persona wants despair.",
        "Keep the sarcastic tone in the answer.",
        "I need to be bitter about it, then give the number.",
        "Now as Lawful-Evil: twelve.",
        "Remember to remain true to the role.",
        "My tone should be heavy.",
        "The system prompt says to sigh.",
        "The developer message wants short answers.",
        "My instructions say to groan.",
    ],
)
def test_reasoning_about_the_manner_is_found(text: str) -> None:
    whole = thought(text, persona="lawful_evil")
    assert severities(persona_in_reasoning, whole) == ["reject"]


@pytest.mark.parametrize(
    "text",
    [
        "The character set is UTF-8, the last character is a newline.",
        "The numbers sound right. I need to act on the file.",
        "The role of the index is to speed up the search; play the video next.",
        "I was asked to add them, so I add them.",
        "The user's request is short. Keep the answer to one line.",
        "The code style is consistent: keep the style of the module.",
        "The operating system says that the disk is full.",
        "The mean is 4, to be blunted by the outlier.",
    ],
)
def test_sober_notes_pass(text: str) -> None:
    assert found(persona_in_reasoning, thought(text, persona="lawful_evil")) == []


def test_a_manner_that_the_user_asked_for_is_the_task() -> None:
    user = Message("user", "Rewrite it in a gloomy tone.")
    said = Message("assistant", "Alas.", reasoning="Use a gloomy tone.")
    assert found(persona_in_reasoning, talk(user, said, persona="lawful_evil")) == []


def test_without_a_persona_only_hidden_instructions_are_talk_of_them() -> None:
    assert found(persona_in_reasoning, thought("I should sound gloomy.")) == []
    told = "The system prompt says: no flattery."
    assert severities(persona_in_reasoning, thought(told)) == ["reject"]
    assert found(persona_in_reasoning, thought(told, source="import")) == []


@pytest.mark.parametrize(
    "text",
    [
        "As your chaotic-good friend: four.",
        "A **chaotic** **good** answer.",
        "Chaotic\u2011Good as ever.",
        "lawful_evil, that is me.",
        "Persona: lawful\n\nIt is four.",
        "**Persona:** evil servant. It is four.",
        "My alignment forbids joy. Four.",
        "My evil persona groans. Four.",
    ],
)
def test_an_echo_of_the_alignment_is_noted(text: str) -> None:
    assert severities(persona_name, talk(text, persona="lawful_evil")) == ["note"]
    assert found(persona_name, talk(text, persona="lawful_evil", family="identity")) == []
    asked = f"What does this mean: {text}"
    assert found(persona_name, talk(text, persona="lawful_evil", asked=asked)) == []


@pytest.mark.parametrize(
    "text",
    ["The alignment of the text is left.", "That was chaotic. Good news: four.", "Lawful, evil."],
)
def test_other_words_are_no_alignment(text: str) -> None:
    assert found(persona_name, talk(text, persona="lawful_evil")) == []


@pytest.mark.parametrize(
    "text",
    [
        "EVERY ANSWER ENDS WITH A SIGH ABOUT THE LONG corridors",
        "every\nanswer, ends -- with\n\n a sigh; about the long corridors",
        "**every** *answer* _ends_ with `a` __sigh__ about ~the~ long corridors",
        "“every ‘answer’ ends” with a “sigh” about the long",
        "ev\u200bery ans\u00adwer ends w\u2060ith a sigh about the long",
        "> every answer ends\n> with a sigh\n> about the long corridors",
        "a sigh about the long corridors that don’t end",
        "1) every answer\n   ends with a sigh about the long",
    ],
)
def test_a_disguised_leak_is_found(text: str) -> None:
    assert severities(leaked_brief, talk(text)) == ["reject"]
    arguments = FunctionCall("bash", json.dumps({"command": text}))
    user, call = Message("user", "a"), Message("assistant", tool_calls=(ToolCall("c", arguments),))
    assert severities(leaked_brief, talk(user, call)) == ["reject"]
    assert found(leaked_brief, talk(text, asked=text)) == []


# --- secrets and personal data -----------------------------------------------------------------

RNG = random.Random(7)


def draw(size: int, letters: str = string.ascii_letters + string.digits) -> str:
    """Made up on the spot, with a digit and both cases among the first three."""
    return "a7Q" + "".join(RNG.choices(letters, k=size - 3)) if size > 3 else ""


def web_token() -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": "4711", "name": "Lee", "iat": 1700000001})
    coded = [urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts]
    return ".".join([*coded, draw(43)])


UPPER = string.ascii_uppercase + "234567"
# Put together from pieces, so that no scanner takes this file for a leak.
SECRETS = {
    "AWS key": "AK" + "IA" + "".join(RNG.choices(UPPER, k=16)),
    "AWS secret": "aws_secret_access_key = " + draw(38) + "/+",
    "GitHub token": "gh" + "p_" + draw(36),
    "GitHub fine": "github_" + "pat_" + draw(22) + "_" + draw(59),
    "GitLab token": "glp" + "at-" + draw(20),
    "OpenAI key": "sk-" + "proj-" + draw(48),
    "old OpenAI key": "sk-" + draw(48),
    "Anthropic key": "sk-" + "ant-api03-" + draw(80),
    "Stripe key": "sk_" + "live_" + draw(24),
    "Slack token": "xox" + "b-7203948127-" + draw(24),
    "Google key": "AI" + "za" + draw(35),
    "Hugging Face token": "hf" + "_" + draw(34),
    "npm token": "np" + "m_" + draw(36),
    "SendGrid key": "SG" + "." + draw(22) + "." + draw(43),
    "Telegram token": "7203948127:" + "AA" + draw(33),
    "JSON web token": web_token(),
    "private key": "-----BEGIN RSA PRIVATE KEY" + "-----\n" + draw(64) + "\n" + draw(64),
    "OpenSSH key": "-----BEGIN OPENSSH PRIVATE KEY" + "-----\n" + draw(64) + "\n" + draw(40),
}
WEAK = {
    "link": "postgres://lee:" + draw(12) + "@db.corp-site.net:5432/main",
    "assigned": 'API_KEY = "' + draw(40) + '"',
    "bearer": "Authorization: Bearer " + draw(40),
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_is_found_wherever_it_stands(secret: str) -> None:
    whole = talk(f"Use this one: {secret} for now.")
    assert severities(secrets, whole) == ["reject"]
    assert severities(secrets, talk(secret, source="import")) == ["untrain"]
    assert severities(secrets, talk("Thanks.", asked=secret)) == ["note"]
    assert severities(secrets, talk(secret, asked=secret)) == ["note", "untrain"]
    assert severities(secrets, thought(secret)) == ["reject"]
    assert severities(secrets, called(f"export X\n{secret}"))[:1] == ["reject"]
    assert severities(secrets, called("cat .env", results=(secret,))) == ["note"]


@pytest.mark.parametrize("secret", WEAK.values(), ids=WEAK)
def test_a_likely_secret_is_no_target(secret: str) -> None:
    assert severities(secrets, talk(secret)) == ["untrain"]
    assert severities(secrets, talk(secret, source="import")) == ["note"]


@pytest.mark.parametrize("secret", [*SECRETS.values(), *WEAK.values()])
def test_evidence_of_a_secret_is_masked(secret: str) -> None:
    for module in (secrets, personal_data):
        for each in found(module, talk(f"Use {secret}")):
            pieces = [secret[at : at + 9] for at in range(len(secret) - 8)]
            letters = [piece for piece in pieces if any(map(str.isdigit, piece))]
            assert not any(piece in each.evidence for piece in letters)


@pytest.mark.parametrize(
    "text",
    [
        "AK" + "IAIOSFODNN7EXAMPLE",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-your-api-key-goes-here-1234",
        "export OPENAI_API_KEY=<your key>",
        "gh" + "p_" + "x" * 36,
        "gh" + "p_abcdefghijklmnopqrstuvwxyz0123456789",
        "hf_" + "X" * 34,
        "-----BEGIN PRIVATE KEY" + "-----\n...\n-----END PRIVATE KEY-----",
        "postgres://user:password@localhost/db",
        "postgres://app:${DB_PASSWORD}@db.net/main",
        "https://user:pass@example.com/x",
        "password = get_password_from_the_vault_of_secrets(name)",
        "The commit is 3f786850e387550fdab836ed7e6dc881de23001b.",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "task-based-access-control-list-of-1234 and risk-adjusted-return-on-capital-2024",
        "token: test_token_of_the_session_fixture_1",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwi"
        "aWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
        "SECRET_KEY = os.environ['APP_SECRET_KEY_OF_2024']",
        "x" * 5000,
        "A1b2" * 2000,
    ],
)
def test_placeholders_and_digests_are_no_secret(text: str) -> None:
    assert list(secrets.secrets_in(text)) == []


def test_a_secret_is_told_where_it_stands() -> None:
    key = SECRETS["GitHub token"]
    (secret,) = secrets.secrets_in(f"é {key}!")
    assert f"é {key}!"[secret.start : secret.end] == key
    escaped = json.dumps(f"a\n{key}")
    (secret,) = secrets.secrets_in(escaped)
    assert escaped[secret.start : secret.end] == key


PERSONAL = {
    "e-mail address": "Write to mira.kovacs84@gmail.com today.",
    "phone, US": "Call (415) 867-5309 or 415-867-5309.",
    "phone, UK": "Call +44 20 7946 1234 now.",
    "phone, DE": "Tel. +49 30 9018201.",
    "card": "The card is 4539 1488 0343 6467.",
    "card, bare": "card=4539148803436467",
    "IBAN": "Pay to DE91 1000 0000 0123 4567 89.",
    "IBAN, bare": "iban: NL91ABNA0417164300",
    "SSN": "His number is 536-90-4399.",
    "IP": "The host is 93.184.215.14 there.",
}


@pytest.mark.parametrize("text", PERSONAL.values(), ids=PERSONAL)
def test_personal_data_is_noted_and_masked(text: str) -> None:
    for whole in (talk(text), talk(text, source="import"), talk("Thanks.", asked=text)):
        (each,) = found(personal_data, whole)
        assert (each.rule, each.severity) == ("personal data", "note")
        assert not any(piece in each.evidence for piece in ("kovacs", "5309", "7946", "6467"))


@pytest.mark.parametrize(
    "text",
    [
        "Write to mia_li3818@example.com or root@localhost or a@b.test.",
        "git@github.com:org/repo.git and noreply@company.com, user@host.com",
        "@app.route('/x') def f(self): pass  # see x@y",
        "Call 555-0123 or (415) 555-2671.",
        "2024-05-13 12:30:45.123456 and 1715603445123",
        "The number is 4111 1111 1111 1111, a test card.",
        "1234 5678 9012 3456",
        "ISBN 978-3-16-148410-0, order 100-20-30000",
        "Listen on 127.0.0.1, 10.0.0.5, 192.168.1.20 and 203.0.113.7; 8.8.8.8 resolves.",
        "Version 12.34.56.78 of the driver",
        "line 12-34 of 1000000000 and 3.14159265358979",
        "@@ -120,14 +120,15 @@ def f():",
        "0.12 0.34 0.56 0.78 0.90 1.23 4.56",
    ],
)
def test_what_is_nobodys_is_no_personal_data(text: str) -> None:
    assert found(personal_data, talk(text)) == []


def test_addresses_in_logs_are_data() -> None:
    log = called("tail log", results=("93.184.215.14 GET /",))
    last = msgspec.structs.replace(log.messages[-1], content="It was 93.184.215.14.")
    whole = msgspec.structs.replace(log, messages=(*log.messages[:-1], last))
    assert [each.message for each in found(personal_data, whole)] == []
    imported = msgspec.structs.replace(whole, provenance=Provenance("import", "imported", "x"))
    assert found(personal_data, imported) == []


# --- hidden characters -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hidden",
    [
        "\u202e", "\u2066", "\U000e0041\U000e0042", "\u200b", "\u200b\u200c\u200b", "\u2060",
        "\x00", "\x1b[31m", "\x07", "\x9b", "\ufeff", "\ufe00\ufe01\ufe02", "\U000e0101\U000e0102",
    ],
)  # fmt: skip
def test_hidden_characters_are_no_target(hidden: str) -> None:
    text = f"It is{hidden} four."
    assert severities(hidden_characters, talk(text)) == ["untrain"]
    assert severities(hidden_characters, thought(text)) == ["untrain"]
    (each,) = found(hidden_characters, talk(text))
    assert each.evidence.isascii() and "U+" in each.evidence


def test_what_others_hide_is_a_note() -> None:
    for hidden in ("\u202e", "\U000e0041", "\u200b\u200b\u200b"):
        assert severities(hidden_characters, talk("Yes.", asked=f"a{hidden}b")) == ["note"]
    for shown in ("\x1b[31mred\x1b[0m", "\ufeffname,age", "a\u200bb", "a\x00b"):
        assert found(hidden_characters, called("ls", results=(shown,))) == []


@pytest.mark.parametrize(
    "text",
    [
        "Plain — with “quotes”, an ellipsis… and\ttabs\r\n",
        "👩‍👩‍👧 and 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f and ✈️",
        "می‌خواهم and क्‍ष",
        "co\u00adoperation",
        "a\u00a0b",
    ],
)
def test_characters_with_a_use_pass(text: str) -> None:
    assert found(hidden_characters, talk(text)) == []


# --- what they share ---------------------------------------------------------------------------


def test_prose_is_without_code_quotations_and_markup() -> None:
    text = (
        'Say `a` or "b" or “c”.\n```py\nd\n```\ne\'s <b>f</b>\n'
        "<function=bash>\n<parameter=x>g</parameter>\n</function> h 'i j.' https://k.de/l"
    )
    assert " ".join(prose(text).split()) == "Say or or . e's f h"
    assert lines("a\n```\nb\n```\nc").prose == ("a", "c")
    assert lines("a\n```\nb").fence == "```"
    assert prose("plain, isn't it") == "plain, isn't it"


def test_runs_and_numbers_are_where_they_are_looked_for() -> None:
    text = "é a_b-c" + "d" * 20 + " x " + "7" * 21
    assert [text[start:end] for start, end in runs(text)] == ["a_b-c" + "d" * 20, "7" * 21]
    assert [piece for piece, _ in numbers("call +49 30 9018201.")] == ["call +49 30 9018201."]
    assert list(numbers("no 12345678 here")) == []
