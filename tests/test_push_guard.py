"""What push looks at before a byte leaves: a planted defect is refused, its clean twin goes."""

from __future__ import annotations

import base64
import json
import os
import pty
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from conftest import clean_environment, kappa, said
from kappa_data import config_layers, session
from kappa_data.config import ValidateConfig
from kappa_data.config_layers import parse_set
from kappa_data.errors import UsageError
from kappa_data.formats import vocabulary
from kappa_data.progress import Quiet
from kappa_data.publishing import guard
from kappa_data.publishing.live_secrets import live_secrets
from kappa_data.publishing.options import Options
from kappa_data.publishing.release import Release
from kappa_data.records import FunctionCall, Message, ToolCall
from kappa_data.resources import Resources
from kappa_data.validation.judge import Judge, reason
from sealed import CARD, row, seal, talk

# Taken apart, so that no scanner of this repository takes them for real.
STRIPE = "sk_li" + "ve_9fQ2mXc7LpR4tVb8NsKd3WzY"
MAIL = "greta.lindholm" + "@" + "posteo.de"
LIVE = 'Tq7+Vx/93"zL\\mK2=wR'


class Notes(Quiet):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(autouse=True)
def nobodys_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name not in ("PATH", "LANG"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("kappa_data.publishing.live_secrets._hub_token", lambda: None)


def check(release: Release, **told: object) -> list[str]:
    notes = Notes()
    guard.check(release, Options(**told), notes)  # type: ignore[arg-type]
    return notes.lines


def refusal(release: Release, **told: object) -> str:
    with pytest.raises(UsageError) as raised:
        check(release, **told)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def said_by(role: str, text: str):
    """A talk in which `role` says `text`; the assistant in its last answer."""
    messages = list(talk(1).messages)
    at = {"system": 0, "user": 1, "tool": 3, "assistant": 4}[role]
    messages[at] = msgspec.structs.replace(messages[at], content=text)
    return talk(1, messages=tuple(messages)), at


def test_a_clean_release_goes(tmp_path):
    lines = check(seal(tmp_path))
    assert lines == ["push: no target is missed"]


@pytest.mark.parametrize("role", ["system", "user", "tool", "assistant"])
def test_whoever_wrote_it_a_secret_is_refused(tmp_path, role):
    one, at = said_by(role, f"The key is {STRIPE}, keep it.")
    release = seal(tmp_path, [talk(2), one])
    told = refusal(release)
    assert "1 conversation holds what looks like a secret" in told
    assert f"conversations/train-00000.parquet, {one.id}, messages[{at}].content" in told
    assert "--allow-secrets" in told and f"`kappa-data show {shlex.quote(one.id)}`" in told
    assert STRIPE not in told and STRIPE[:4] in told
    (line, _) = check(release, allow_secrets=True)
    assert "1 conversation holds what looks like a secret; sent, as --allow-secrets says" in line


@pytest.mark.parametrize("role", ["system", "user", "tool", "assistant"])
def test_data_of_a_person_is_refused(tmp_path, role):
    one, at = said_by(role, f"Write to {MAIL} about it.")
    other, _ = said_by(role, f"Write to {MAIL} today.")
    other = msgspec.structs.replace(other, id="files/9:none")
    release = seal(tmp_path, [one, other])
    told = refusal(release, allow_secrets=True)
    assert "2 conversations hold what looks like data of a person" in told
    assert f"{one.id}, messages[{at}]" in told and "--allow-personal-data" in told
    assert MAIL not in told
    assert check(release, allow_personal_data=True)


def test_addresses_of_machines_in_a_log_are_no_persons(tmp_path):
    one, _ = said_by("tool", "93.184.216.34 - GET /index.html 200")
    check(seal(tmp_path, [one]))


def replaced(**fields: object):
    return msgspec.structs.replace(talk(1), **fields)


FIELDS = {
    "tools": replaced(tools=json.dumps([{"default": f"key {STRIPE}"}])),
    "provenance.origin": replaced(
        provenance=msgspec.structs.replace(talk(1).provenance, origin=f"chats {STRIPE}:3")
    ),
    "verdict.detail": replaced(
        verdict=msgspec.structs.replace(talk(1).verdict, detail=f"no file {STRIPE}")
    ),
    "messages[0].tool_calls[0].function.arguments": replaced(
        messages=(
            Message("assistant", tool_calls=(ToolCall("c", FunctionCall("bash", f'"{STRIPE}"')),)),
        )
    ),
    "messages[0].name": replaced(messages=(Message("tool", "x", name=STRIPE),)),
    "messages[0].reasoning": replaced(messages=(Message("assistant", "x", reasoning=STRIPE),)),
    "family": replaced(family=STRIPE),
}


@pytest.mark.parametrize("field", FIELDS)
def test_every_text_field_is_read(tmp_path, field):
    told = refusal(seal(tmp_path, [talk(2), FIELDS[field]]))
    assert f"conversations/train-00000.parquet, files/1:lawful_good, {field}; " in told
    # Only where validate reads can it leave the conversation out.
    assert ("validate.severities" in told) is field.startswith("messages")


@pytest.mark.parametrize("name", ["README.md", "manifest.json", "extra.txt"])
def test_files_beside_the_rows_are_read(tmp_path, name):
    if name == "manifest.json":
        release = seal(tmp_path, stages={"import": {"name": f"chats of {STRIPE}"}})
    else:
        release = seal(tmp_path, files={name: f"{CARD}\n\nkey: {STRIPE}\n".encode()})
    told = refusal(release)
    assert f"{name}, line " in told and "--allow-secrets" in told and STRIPE not in told
    check(release, allow_secrets=True)


def test_packed_rows_are_decoded_and_read(tmp_path):
    for words in (f"The key is {STRIPE}.", f"Write to {MAIL}."):
        told = refusal(seal(tmp_path, rows=[row("Hello."), row("Hi.", words)]))
        assert "packed/train-00000.parquet, row 1, sample files/1:lawful_good#0 holds" in told
    check(seal(tmp_path, rows=[row("Hello."), row("Hi.", "The key is kept elsewhere.")]))


def test_an_id_that_is_no_token_is_one_line(tmp_path):
    wrong = row("Hello.")
    wrong.input_ids[1] = vocabulary.SIZE - 1
    assert "201087 is the id of no token" in refusal(seal(tmp_path, rows=[wrong]))


def test_decoding_in_bulk_is_decoding():
    text = "Grüße, 漢字! 👍🏽 <|end|> x" * 50
    ids = vocabulary.encode(text)
    ids[3] = vocabulary.END
    data, ends = vocabulary.decode_bytes(ids)
    assert data.decode(errors="replace") == vocabulary.decode(ids)
    for at in (0, 3, 17, len(ids) - 1):
        single = vocabulary.decode_bytes(ids[at : at + 1])[0]
        assert data[ends[at] - len(single) : ends[at]] == single
    assert vocabulary.decode_bytes(ids[:0])[0] == b""
    for wrong in (-1, vocabulary.SIZE, vocabulary.FIRST_SPECIAL + 3):
        ids[5] = wrong
        with pytest.raises(KeyError):
            vocabulary.decode_bytes(ids)


def base64_of(value: str) -> list[str]:
    """By the library, in three surroundings."""
    return [base64.b64encode(f"{before}{value}:and more".encode()).decode() for before in
            ("", "a", "ab")]  # fmt: skip


FORMS = {
    "as it is": LIVE,
    "JSON": json.dumps(LIVE),
    "JSON in JSON": json.dumps(json.dumps({"key": LIVE})),
    "URL": f"https://x.example/?key={quote(LIVE, safe='')}&a=b",
    "URL in small letters": re.sub("%..", lambda each: each[0].lower(), quote(LIVE)),
    **{f"base64 {n}": text for n, text in enumerate(base64_of(LIVE))},
    "base64 for URLs": base64.urlsafe_b64encode(f"user:{LIVE}".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_live_secret_is_found_in_every_form_and_never_shown(tmp_path, monkeypatch, form):
    monkeypatch.setenv("SERVICE_API_KEY", LIVE)
    one, at = said_by("tool", f"curl says {FORMS[form]} and stops")
    release = seal(tmp_path, [talk(2), one])
    everything = {"allow_secrets": True, "allow_personal_data": True}
    told = refusal(release, **everything)
    assert "the value of SERVICE_API_KEY stands in conversations/train-00000.parquet" in told
    assert f"{one.id}, messages[{at}].content" in told and "env -u SERVICE_API_KEY" in told
    assert not any(text in told for text in FORMS.values())
    monkeypatch.setenv("SERVICE_API_KEY", LIVE[::-1])
    check(release, **everything)


@pytest.mark.parametrize("place", ["card", "manifest", "picture", "packed", "sample id", "footer"])
def test_a_live_secret_is_found_wherever_it_stands(tmp_path, monkeypatch, place):
    value = "k3yofNobody77"
    release = {
        "card": lambda: seal(tmp_path, files={"README.md": f"{CARD}{value}".encode()}),
        "manifest": lambda: seal(tmp_path, note=value),
        "picture": lambda: seal(tmp_path, files={"images/a.png": b"\x89PNG\0" + value.encode()}),
        "packed": lambda: seal(tmp_path, rows=[row(f"I say {value} to you.")]),
        "sample id": lambda: seal(
            tmp_path, rows=[msgspec.structs.replace(row("a"), sample_ids=(value,))]
        ),
        "footer": lambda: seal(tmp_path, metadata={"note": value}),
    }[place]()
    check(release)
    monkeypatch.setenv("SERVICE_TOKEN", value)
    told = refusal(release)
    assert "the value of SERVICE_TOKEN stands in" in told and value not in told


def names(environ: dict[str, str], *keys: str) -> list[str]:
    return [each.name for each in live_secrets(keys, environ)[0]]


def test_which_values_are_secrets(tmp_path):
    (tmp_path / "key.json").write_text("{}")
    held = {
        "OPENAI_API_KEY": "x9Lq2mVv7Rt4",
        "PGPASSWORD": "correct8horse",
        "MY_SECRET_THING": "aB3$dE6&gH9",
        "GH_TOKEN": "q8w7e6r5t4y3",
        "DATABASE_URL": "postgres://me:p4ssw0rd%21x@db.example/one",
        "AWS_SECRET_ACCESS_KEY": "/no/such+place/9aXbYc",
    }
    none = {
        "EDITOR": "x9Lq2mVv7Rt5",  # its name says nothing
        "MAX_TOKENS": "131072",
        "TOKENIZERS_PARALLELISM": "false",
        "API_KEY": "EMPTY",
        "OTHER_API_KEY": "not-needed",
        "SSH_KEY": str(tmp_path / "key.json"),
        "PRIVATE_KEY_FILE": str(tmp_path / "other.pem"),
        "TOKEN_URL": "https://auth.example/token",
        "PASSWORD": "changeme",
        "KEYBOARD": "pc105-de-nodeadkeys9",
        "ZERO_TOKEN": "0000000000000000",
    }
    assert set(names(held | none)) == held.keys()
    assert names(none, "EDITOR") == ["EDITOR"]  # an endpoint's key, whatever it is called
    live = {each.name: each.forms for each in live_secrets((), held)[0]}
    assert "p4ssw0rd!x" in live["DATABASE_URL"] or "p4ssw0rd%21x" in live["DATABASE_URL"]


def test_the_password_in_an_address_is_found_decoded_too(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://me:p4ssw0rd%21x@db.example/one")
    for written in ("p4ssw0rd!x", "p4ssw0rd%21x"):
        one, _ = said_by("user", f"It was {written} before.")
        assert "value of DATABASE_URL" in refusal(seal(tmp_path, [one]), allow_secrets=True)


def test_a_secret_of_bytes_that_are_no_text_is_looked_for(tmp_path, monkeypatch):
    raw = b"k3y-\xff\xfe-of-nobody"
    release = seal(tmp_path, files={"images/a.png": b"\x89PNG\0" + raw})
    check(release)
    monkeypatch.setenv("SERVICE_TOKEN", os.fsdecode(raw))
    assert "the value of SERVICE_TOKEN stands in images/a.png" in refusal(release)


def test_the_hubs_token_and_netrc_are_live_secrets(tmp_path, monkeypatch):
    home = Path(os.environ["HOME"])
    home.mkdir()
    one, _ = said_by("user", "I have n3trcW0rd-x and hubT0ken-77 here.")
    release = seal(tmp_path / "r", [one])
    check(release)
    (home / ".netrc").write_text("machine files.example login me password n3trcW0rd-x\n")
    (home / ".netrc").chmod(0o600)
    told = refusal(release)
    assert "the password for files.example in .netrc" in told and "n3trc" not in told
    (home / ".netrc").write_text("nonsense\n")
    assert any("cannot be read" in line for line in check(release))
    (home / ".netrc").unlink()
    monkeypatch.setattr("kappa_data.publishing.live_secrets._hub_token", lambda: "hubT0ken-77")
    told = refusal(release)
    assert "the Hub's token" in told and "hubT0ken" not in told and "env -u" not in told

    def unreadable() -> str:
        raise PermissionError(13, "Permission denied", "/home/token")

    monkeypatch.setattr("kappa_data.publishing.live_secrets._hub_token", unreadable)
    assert any("token" in line and "was not looked for" in line for line in check(release))


def test_the_clients_own_token_is_found(tmp_path, monkeypatch):
    """The real client, which looks in the environment and in its own file."""
    code = "from kappa_data.publishing.live_secrets import _hub_token; print(_hub_token())"
    home = tmp_path / "hf"
    home.mkdir()
    (home / "token").write_text("hf_fromTheFile123\n")
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=clean_environment(HF_HOME=str(home)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "hf_fromTheFile123"


def test_a_file_that_was_changed_after_it_was_sealed_does_not_leave(tmp_path):
    release = seal(tmp_path)
    check(release)
    (tmp_path / "README.md").write_text(CARD + "more")
    assert "README.md is not what manifest.json says" in refusal(release)
    (tmp_path / "README.md").unlink()
    assert "changed or removed" in refusal(release)


def test_rows_of_another_tokenizer_are_said_not_to_be_decoded(tmp_path):
    figures = {"embedded": 0, "missed": [], "override": "", "too little": 0, "tokenizer": "mine"}
    release = seal(tmp_path, rows=[row(f"The key is {STRIPE}.")], figures=figures)
    assert any("not decoded" in line for line in check(release))


def test_a_models_terms_are_stated_once(tmp_path):
    by_model = {"teachers": {"openai-compatible": 2, "imported": 1}, "models": {"some-model": 2}}
    told = refusal(seal(tmp_path / "a", **by_model))
    assert "2 conversations were made by some-model" in told and "--teacher-terms" in told
    check(seal(tmp_path / "b", **by_model, teacher_terms="Apache-2.0"))
    check(seal(tmp_path / "c", teachers={"imported": 3}))
    check(seal(tmp_path / "d", teachers={"embedded": 3, "imported": 3}))


# --- with the command --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (f"The key is {STRIPE}.", {"secret"}),
        (f"Write to {MAIL}.", {"personal data"}),
        (f"The key is {STRIPE}, write to {MAIL}.", {"secret", "personal data"}),
    ],
)
def test_the_settings_that_the_refusal_names_leave_the_conversation_out(tmp_path, text, rules):
    one, _ = said_by("user", text)
    told = refusal(seal(tmp_path, [one]))
    command = shlex.split(told.partition("`kappa-data push ...")[2].partition("`")[0])
    assert len(command) == 2 * len(rules)
    layer: dict[str, dict[str, object]] = {}
    for flag, assignment in zip(command[::2], command[1::2], strict=True):
        stage, field, value = parse_set(assignment)
        assert flag == "--set" and stage == "validate"
        config_layers.put(layer.setdefault(stage, {}), field, value)
    settings = config_layers.load(None, layer)
    assert set(settings.validate.severities) == rules
    quiet, reasons = (
        reason(Judge(config, Resources()).judge(one)[1])
        for config in (ValidateConfig(), settings.validate)
    )
    assert quiet == "" and reasons in rules


def test_the_command_of_the_refusal_sends_the_rest(tmp_path):
    """Of two kinds at once, typed by a shell, beside a severity that was set before."""
    texts = ["Hello there.", f"The key is {STRIPE}.", f"Write to {MAIL}."]
    lines = [
        [{"role": "user", "content": text}, {"role": "assistant", "content": "All right, done."}]
        for text in texts
    ]
    file = tmp_path / "talks.jsonl"
    file.write_text("".join(json.dumps({"messages": each}) + "\n" for each in lines))
    assert kappa("import", file, cwd=tmp_path).returncode == 0
    checked = ("--sources", "import", "--set", "validate.severities.flattery=off")
    assert kappa("validate", *checked, cwd=tmp_path).returncode == 0
    refused = kappa("push", "./out", "--title", "Two words", cwd=tmp_path)
    assert refused.returncode == 2
    assert "--allow-secrets --allow-personal-data" in refused.stderr
    (command,) = re.findall(r"`kappa-data (push [^`]*)`", refused.stderr)
    again = subprocess.run(
        f"{shlex.quote(sys.executable)} -m kappa_data {command} --json",
        shell=True, cwd=tmp_path, env=clean_environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    kept = json.loads((tmp_path / "out/manifest.json").read_text())["figures"]["conversations"]
    assert kept == 1
    settings = session.settings_of(None, tmp_path / "data/persona_kappa", {}, ())[0]
    assert set(settings.validate.severities) == {"flattery", "secret", "personal data"}


class Model(BaseHTTPRequestHandler):
    """A model with one answer, whose users want nothing more."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        user = "[DONE]" in str(asked["messages"][0]["content"])
        text = "[DONE]" if user else "Start small, measure, and keep what helps you most."
        choice = {"index": 0, "message": {"role": "assistant", "content": text},
                  "finish_reason": "stop"}  # fmt: skip
        usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
        self._send({"id": "x", "object": "chat.completion", "created": 0, "model": "m",
                    "choices": [choice], "usage": usage})  # fmt: skip

    def do_GET(self) -> None:
        self._send({"object": "list", "data": [{"id": "m", "object": "model"}]})

    def _send(self, value: object) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


def at_a_terminal(answer: str, folder: Path, *arguments: str) -> tuple[int, str]:
    """Runs the command with a terminal around it, and types one line."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "kappa_data", *arguments],
        cwd=folder,
        env=clean_environment(TERM="dumb"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    shown = b""
    while True:
        try:
            data = os.read(ours, 4096)
        except OSError:  # the terminal is gone with its process
            break
        if not data:
            break
        shown += data
    os.close(ours)
    return process.wait(), " ".join(shown.decode(errors="replace").split())


def card(folder: Path) -> str:
    return (folder / "out/README.md").read_text()


def test_terms_are_asked_for_kept_and_shown(tmp_path, address):
    made = kappa(
        "run", "--families", "technical_advice", "--tasks", "1", "--personas", "none",
        "--model", "m", "--base-url", address, "--seq-len", "4096",
        "--set", 'validate.severities={verifier="note"}', cwd=tmp_path,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    push = ("push", "./out", "--override", "a test")
    refused = kappa(*push, cwd=tmp_path)
    assert refused.returncode == 2 and "1 conversation was made by m" in refused.stderr
    assert "--teacher-terms" in refused.stderr and not (tmp_path / "out").exists()
    code, shown = at_a_terminal("Free to use, says the licence.", tmp_path, *push)
    assert code == 0 and "What does its licence say" in shown, shown
    assert "Free to use, says the licence." in card(tmp_path)
    # Said once: neither the next push nor another command of this dataset asks or loses it.
    assert kappa("release", cwd=tmp_path).returncode == 0
    again = kappa(*push, "--json", cwd=tmp_path)
    assert (again.returncode, said(again)["status"]) == (0, "up-to-date"), again.stderr
    # Of another teacher nobody said anything.
    root = tmp_path / "data/persona_kappa"
    for model, terms in (("m", "Free to use, says the licence."), ("n", "")):
        said_now = {"generate": {"model": model}}
        settings, _, kept = session.settings_of(None, root, said_now, ("generate", "release"))
        assert settings.release.teacher_terms == terms
        assert kept.get("release", {}).get("teacher_terms", "") == terms
