"""A server whose name nobody knows: said soon, where trouble that may pass is waited for."""

from __future__ import annotations

import socket
import time
from typing import Any

import huggingface_hub
import pytest

from kappa_data.errors import EnvironmentLacks
from kappa_data.progress import Quiet
from kappa_data.publishing import hub_errors, store_place
from kappa_data.publishing.hub import push_to_hub
from kappa_data.publishing.hub_errors import patiently
from kappa_data.publishing.options import Options
from sealed import seal


class Names:
    """Stands in for the lookup of names, and keeps which were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, host: str, *_: Any, **__: Any) -> Any:
        self.asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    found = Names()
    monkeypatch.setattr(socket, "getaddrinfo", found)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(store_place, "wait_exponential", lambda **_: lambda state: 0)
    return found


class Notes(Quiet):
    """Keeps what was said of tries."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def test_a_hub_whose_name_nobody_knows_is_one_line(names, monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://hub.example")
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.setenv("HF_TOKEN", "hf_some")
    release, notes = seal(tmp_path / "release"), Notes()
    said = push_to_hub(release, "a/b", Options(dry_run=True), notes)["said"]
    assert said.endswith("run the same command"), "nothing was stored that could be sent again"
    assert notes.said == []
    with pytest.raises(EnvironmentLacks, match=r"cannot be reached.*service not known"):
        push_to_hub(release, "a/b", Options(), notes)
    assert [each.partition("; ")[2] for each in notes.said] == ["try 2 of 2 in 1 s"]
    assert set(names.asked) == {"hub.example"}


def test_a_name_that_was_known_before_is_asked_for_again(names):
    def ask() -> None:
        try:
            socket.create_connection(("hub.example", 80))
        except OSError as error:
            raise ConnectionError("wrapped, as clients do") from error

    for reached, tries in ((False, hub_errors.UNKNOWN_TRIES), (True, hub_errors.TRIES)):
        names.asked.clear()
        with pytest.raises(ConnectionError):
            patiently("look", ask, Quiet(), reached=reached)
        assert len(names.asked) == tries


def test_a_store_whose_name_nobody_knows_is_one_line(names):
    with pytest.raises(
        EnvironmentLacks, match=r"ftp://store\.example/x cannot be used .*check the address"
    ):
        store_place.StorePlace("ftp://store.example/x")
    assert names.asked == ["store.example"]
