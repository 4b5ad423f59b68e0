"""A URL that fsspec knows as a place: s3://bucket/prefix, gs://bucket/prefix and others.

An object appears whole or not at all. What arrived is proved by the checksum that the store keeps
of it, where that is one that can be reckoned here (an MD5: of S3 unless the key is the store's own,
of Google Cloud Storage), else by reading it back.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from textwrap import shorten
from typing import Any, TypeVar
from urllib.parse import urlsplit

from fsspec.core import url_to_fs
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from kappa_data.errors import EnvironmentLacks, UsageError
from kappa_data.printable import one_line
from kappa_data.publishing.changes import Parcel
from kappa_data.publishing.network import unresolved

R = TypeVar("R")
TRIES = 6
LONGEST_PAUSE = 8.0
"""seconds; all tries together wait for 16 s at most"""
PART = 50 * 2**20
"""bytes of a part of a large object, as s3fs sends it: S3's checksum is one of the parts'"""
CHUNK = 2**20
DRIVERS = {
    "s3": ("s3fs", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile of `aws configure`"),
    "gs": ("gcsfs", "GOOGLE_APPLICATION_CREDENTIALS, or `gcloud auth application-default login`"),
    "az": ("adlfs", "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"),
}
ALIASES = {"s3a": "s3", "gcs": "gs", "abfs": "az", "abfss": "az"}
# What drivers raise beside OSError; looked up where they have been imported, since none is needed.
BESIDE = (
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("aiohttp", "ClientError"),
    ("gcsfs.retry", "HttpError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("azure.core.exceptions", "AzureError"),
)
WITHOUT_KEYS = {
    "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound",
    "DefaultCredentialsError", "RefreshError", "ClientAuthenticationError", "TokenRetrievalError",
}  # fmt: skip
REFUSED = (401, 403)


class StorePlace:
    """The files under a URL.

    UsageError where the URL is none that fsspec knows, or holds a password; EnvironmentLacks where
    the package that speaks to the store is not installed.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._reached = False
        scheme = url.partition("://")[0].rpartition("::")[2]
        self._driver, self._keys = DRIVERS.get(
            ALIASES.get(scheme, scheme), (f"the driver of {scheme}", "its credentials")
        )
        try:
            if urlsplit(url).password is not None:
                raise UsageError(
                    f"push: {scheme}://... holds a password; {self._keys} say who you are"
                )
            self._fs, root = self._tried(lambda: url_to_fs(url))
        except ImportError as error:
            raise EnvironmentLacks(
                f"push: {scheme}:// needs {self._driver}, which is not installed; "
                f"pip install {self._driver.split()[-1]}"
            ) from error
        except (ValueError, TypeError) as error:  # of an address, or of one that wants more
            known = ", ".join(f"{each}://" for each in ("s3", "gs", "az", "file"))
            raise UsageError(
                f"push: {scheme}:// is no store that is known ({error}); write {known}..."
            ) from error
        self._root = root.rstrip("/")

    def sizes(self) -> dict[str, int]:
        return {name: int(info["size"] or 0) for name, info in self._listed().items()}

    def read(self, name: str) -> bytes | None:
        try:
            data: bytes = self._tried(lambda: self._fs.cat_file(self._path(name)))
        except FileNotFoundError:
            return None
        return data

    def write(self, name: str, data: bytes) -> None:
        self._sent(lambda: self._fs.pipe_file(self._path(name), data))

    def remove(self, name: str) -> None:
        try:
            self._tried(lambda: self._fs.rm_file(self._path(name)))
        except FileNotFoundError:
            return  # or the answer that it is gone was lost

    def prepare(self, name: str, parcel: Parcel) -> None:
        """Nothing: an object store has no place that readers do not see."""

    def put(self, name: str, parcel: Parcel) -> None:
        source = parcel.source
        if isinstance(source, bytes):
            self.write(name, source)
        else:
            self._sent(lambda: self._fs.put_file(str(source), self._path(name)))

    def wrong(self, parcels: Mapping[str, Parcel]) -> dict[str, str]:
        found, listed = {}, self._listed()
        for name, parcel in parcels.items():
            if name not in listed:
                found[name] = "is not there"
            elif int(listed[name]["size"] or 0) != parcel.size:
                found[name] = "has another size"
            elif _checksum(listed[name]) in _checksums(parcel):
                continue
            elif self._tried(partial(self._sha256, name)) != parcel.sha256:
                found[name] = "has other bytes"
        return found

    def tidy(self, names: Iterable[str]) -> None:
        """Nothing: a store shows no half objects."""

    def _listed(self) -> dict[str, dict[str, Any]]:
        """What the store says of every file, by its name here."""

        def find() -> dict[str, dict[str, Any]]:
            self._fs.invalidate_cache()
            listed: dict[str, dict[str, Any]] = self._fs.find(self._root, detail=True)
            return listed

        try:
            listed = self._tried(find)
        except FileNotFoundError:
            listed = {}
        self._reached = True
        found = {}
        for path, info in listed.items():
            name = path.removeprefix(self._root).lstrip("/")
            if info["type"] == "file" and not path.endswith("/"):  # a mark of a folder is no file
                if not name:
                    raise UsageError(f"push: {self._url} is a file; name a folder")
                found[name] = info
        return found

    def _sha256(self, name: str) -> str:
        whole = hashlib.sha256()
        with self._fs.open(self._path(name), "rb") as file:
            while data := file.read(CHUNK):
                whole.update(data)
        return whole.hexdigest()

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _sent(self, call: Callable[[], object]) -> None:
        try:
            self._tried(call)
        except FileNotFoundError as error:
            raise UsageError(
                f"push: {self._url}: there is no such bucket or folder ({_words(error)}); make it "
                "first"
            ) from error

    def _tried(self, call: Callable[[], R]) -> R:
        """What the call gives; tried again where the store was in trouble, but not where it said
        no, or where it never answered since nobody knows its name. FileNotFoundError is passed on.
        """

        def again(error: BaseException) -> bool:
            return _passes(error) and (self._reached or not unresolved(error))

        retrying = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=wait_exponential(multiplier=0.5, max=LONGEST_PAUSE),
            retry=retry_if_exception(again),
            reraise=True,
        )
        try:
            return retrying(call)
        except FileNotFoundError:
            raise
        except _errors() as error:
            raise self._lack(error) from error

    def _lack(self, error: BaseException) -> EnvironmentLacks:
        if type(error).__name__ in WITHOUT_KEYS:
            return EnvironmentLacks(
                f"push: no credentials for {self._url} ({_words(error)}); set {self._keys}"
            )
        if _refuses(error):
            return EnvironmentLacks(
                f"push: {self._url} refuses these credentials ({_words(error)}); "
                f"they need the right to list, read, write and delete there: {self._keys}"
            )
        next_step = "run the same command again: what has arrived is not sent again"
        if not self._reached and unresolved(error):
            next_step = "check the address and the network"
        return EnvironmentLacks(f"push: {self._url} cannot be used ({_words(error)}); {next_step}")


def _errors() -> tuple[type[BaseException], ...]:
    beside = (getattr(sys.modules.get(module), name, None) for module, name in BESIDE)
    return (OSError, *(each for each in beside if each is not None))


def _passes(error: BaseException) -> bool:
    """Whether another try may help."""
    said_no = isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError))
    if said_no or _refuses(error) or type(error).__name__ in WITHOUT_KEYS:
        return False
    return isinstance(error, _errors())


def _refuses(error: BaseException) -> bool:
    codes = (getattr(error, "code", None), getattr(error, "status", None))
    return isinstance(error, PermissionError) or any(each in REFUSED for each in codes)


def _words(error: BaseException) -> str:
    return shorten(one_line(f"{type(error).__name__}: {error}"), 200, placeholder=" ...")


def _checksum(info: dict[str, Any]) -> str:
    """What a listing says of an object's bytes: an MD5 in hexadecimal, or S3's of the parts."""
    if etag := info.get("ETag"):
        return str(etag).strip('"')
    try:
        return base64.b64decode(info.get("md5Hash") or "").hex()
    except binascii.Error:
        return ""


def _checksums(parcel: Parcel) -> set[str]:
    """What a store that keeps MD5 sums may say of this file; nothing where its sha256 is another
    by now: then it was changed, and its sums prove nothing."""
    whole, proof = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    parts, left = [hashlib.md5(usedforsecurity=False)], PART
    with parcel.open() as file:
        while data := file.read(min(CHUNK, left)):
            whole.update(data)
            proof.update(data)
            parts[-1].update(data)
            left -= len(data)
            if not left:
                parts.append(hashlib.md5(usedforsecurity=False))
                left = PART
    if proof.hexdigest() != parcel.sha256:
        return set()
    if left == PART and len(parts) > 1:
        parts.pop()  # nothing was left for it
    joined = hashlib.md5(b"".join(each.digest() for each in parts), usedforsecurity=False)
    return {whole.hexdigest(), f"{joined.hexdigest()}-{len(parts)}"}
