"""The Hub's client with patience: every call that push needs, each tried again where that helps.

huggingface_hub itself tries again what it uploads, and nothing else: not the commit, not the reads
before and after it (as of its versions 1.33 and 2.4).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from huggingface_hub import (
    CommitInfo,
    CommitOperationAdd,
    CommitOperationDelete,
    DatasetInfo,
    GitRefs,
    HfApi,
    get_session,
    get_token,
    hf_hub_url,
)
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.utils import (
    are_progress_bars_disabled,
    build_hf_headers,
    disable_progress_bars,
    enable_progress_bars,
    hf_raise_for_status,
)
from msgspec import Struct

from kappa_data.progress import Progress
from kappa_data.publishing.changes import Blob, size_in_words
from kappa_data.publishing.hub_errors import (
    FAILURES,
    TRIES,
    NoSense,
    asked_address,
    patiently,
    shown,
    status_of,
    told,
    transient,
)
from kappa_data.publishing.options import Options
from kappa_data.publishing.release import CARD
from kappa_data.store import MANIFEST

T = TypeVar("T")

DATASET = "dataset"
SILENCE_SECONDS = 120.0
"""how long a request may go without a byte: by itself the client would wait for ever"""
UPLOAD_TRIES = 2
"""rounds over one file, each with new addresses; within a round the client has six tries"""
LONGEST = 32 * 2**20
"""bytes of a card or a manifest that is read: anybody may propose longer ones, none is ours"""
LOGGER = "huggingface_hub"


class Head(Struct, frozen=True):
    """A repository at one commit: its files, and the content of the two that we have to read.

    None: there is none, or it is too long to be one.
    """

    commit: str
    files: dict[str, Blob]
    card: bytes | None
    manifest: bytes | None


class Hub:
    """One dataset repository. Every method raises a KappaError of one line where it fails."""

    def __init__(self, repo_id: str, progress: Progress, *, tries: int = TRIES) -> None:
        self.repo_id = repo_id
        self._progress, self._tries = progress, tries
        self._reached = False
        # Without a token: anonymous, not the library's own complaint about a missing one.
        self._api = HfApi(token=get_token() or False)

    @property
    def url(self) -> str:
        """Where people look at the dataset."""
        return shown(f"{self._api.endpoint}/datasets/{self.repo_id}")

    def private(self) -> bool | None:
        """Whether the repository is private; None where there is none that the token may see."""

        def look() -> bool | None:
            try:
                return bool(self._api.dataset_info(self.repo_id, timeout=SILENCE_SECONDS).private)
            except RepositoryNotFoundError as error:
                if status_of(error) == 404:
                    return None
                raise  # 401: without a token the Hub does not say what there is

        return self._asked("look", look)

    def create(self, private: bool) -> None:
        """Makes the repository; all the same where it is there by now."""
        self._asked(
            "create",
            lambda: self._api.create_repo(
                self.repo_id, repo_type=DATASET, private=private, exist_ok=True
            ),
        )

    def create_branch(self, name: str) -> None:
        """Makes a branch that starts at main; all the same where it is there by now."""
        self._asked(
            "branch",
            lambda: self._api.create_branch(
                self.repo_id, branch=name, repo_type=DATASET, exist_ok=True
            ),
        )

    def head(self, revision: str) -> Head | None:
        """The repository at `revision`; None where it has no such revision."""

        def look() -> DatasetInfo | None:
            try:
                return self._info(revision)
            except RevisionNotFoundError:
                return None

        info = self._asked("read", look)
        if info is None:
            return None
        commit, files = str(info.sha), _blobs(info)
        card, manifest = (
            self._read(name, commit) if name in files and files[name].size <= LONGEST else None
            for name in (CARD, MANIFEST)
        )
        return Head(commit, files, card, manifest)

    def files(self, commit: str) -> dict[str, Blob]:
        """Every file of a commit, by its path."""
        return _blobs(self._asked("read", lambda: self._info(commit)))

    def upload(self, additions: list[CommitOperationAdd], options: Options) -> None:
        """Puts the content of large files into the Hub's storage, where no reader sees it yet.

        What the storage has already is not sent again.
        """
        if not additions:
            return
        size = sum(each.upload_info.size for each in additions)
        done = 0

        def so_far(sent: int) -> str:
            return f"{size_in_words(sent)} of {size_in_words(size)}"

        with self._progress.task("upload", len(additions)) as task:
            for each in additions:
                task.say(f"{so_far(done)}, {each.path_in_repo}")
                self._asked(
                    f"upload {each.path_in_repo}",
                    partial(
                        self._api.preupload_lfs_files,
                        self.repo_id,
                        [each],
                        repo_type=DATASET,
                        revision=options.revision,
                        create_pr=options.create_pr,
                        free_memory=False,  # it is counted and hashed after this
                    ),
                    again=self._worth_another_address,
                    tries=UPLOAD_TRIES,
                )
                done += each.upload_info.size
                task.say(so_far(done))
                task.advance()

    def commit(
        self,
        operations: list[CommitOperationAdd | CommitOperationDelete],
        parent: str,
        options: Options,
        description: str,
    ) -> CommitInfo:
        """One commit on `parent`. Raises what the client raises: whoever calls has to look whether
        it landed before trying again."""
        with _bounded():
            return self._api.create_commit(
                self.repo_id,
                operations,
                commit_message=options.message,
                commit_description=description,
                repo_type=DATASET,
                revision=options.revision,
                parent_commit=parent,
                create_pr=options.create_pr,
            )

    def settle(self, step: str, work: Callable[[], T], again: Callable[[BaseException], bool]) -> T:
        """The result of `work`, which is done again while `again` says so of its error."""
        try:
            return patiently(step, work, self._progress, again=again, tries=self._tries)
        except FAILURES as error:
            raise told(error, self.repo_id, self._api.endpoint) from error

    def pull_requests(self) -> list[int]:
        """The numbers of the open pull requests."""
        return self._asked(
            "pull requests",
            lambda: [
                each.num
                for each in self._api.get_repo_discussions(
                    self.repo_id,
                    repo_type=DATASET,
                    discussion_type="pull_request",
                    discussion_status="open",
                )
            ],
        )

    def tags(self) -> set[str]:
        """The names of the tags."""
        return {each.name for each in self._refs("tags").tags}

    def branches(self) -> set[str]:
        """The names of the branches."""
        return {each.name for each in self._refs("branches").branches}

    def tag(self, name: str, commit: str, message: str) -> None:
        """Names a commit; all the same where the tag is there by now."""
        self._asked(
            "tag",
            lambda: self._api.create_tag(
                self.repo_id,
                tag=name,
                tag_message=message,
                revision=commit,
                repo_type=DATASET,
                exist_ok=True,
            ),
        )

    def _refs(self, step: str) -> GitRefs:
        return self._asked(step, lambda: self._api.list_repo_refs(self.repo_id, repo_type=DATASET))

    def _info(self, revision: str) -> DatasetInfo:
        return self._api.dataset_info(
            self.repo_id, revision=revision, files_metadata=True, timeout=SILENCE_SECONDS
        )

    def _read(self, name: str, commit: str) -> bytes:
        url = hf_hub_url(
            self.repo_id, name, repo_type=DATASET, revision=commit, endpoint=self._api.endpoint
        )

        def ask() -> bytes:
            headers = build_hf_headers(token=self._api.token)
            response = get_session().get(url, headers=headers, follow_redirects=True)
            hf_raise_for_status(response)
            return bytes(response.content)

        return self._asked(f"read {name}", ask)

    def _asked(
        self,
        step: str,
        work: Callable[[], T],
        *,
        again: Callable[[BaseException], bool] = transient,
        tries: int | None = None,
    ) -> T:
        def once() -> T:
            with _bounded():
                return work()

        try:
            given = patiently(
                step,
                once,
                self._progress,
                again=again,
                tries=tries or self._tries,
                reached=self._reached,
            )
        except FAILURES as error:
            raise told(error, self.repo_id, self._api.endpoint) from error
        self._reached = True
        return given

    def _worth_another_address(self, error: BaseException) -> bool:
        """An address of the storage outlives its time; the Hub gives another one."""
        elsewhere = not asked_address(error).startswith(self._api.endpoint)
        return transient(error) or (status_of(error) == 403 and elsewhere)


@contextmanager
def _bounded() -> Iterator[None]:
    """Gives the client in use, which everybody in this process shares, our patience meanwhile.

    NoSense where it does not find in an answer what it looks for.
    """
    session = get_session()
    before, session.timeout = session.timeout, SILENCE_SECONDS
    try:
        yield
    except (LookupError, TypeError, AttributeError) as error:
        raise NoSense(repr(error)) from error
    finally:
        session.timeout = before


def _blobs(info: DatasetInfo) -> dict[str, Blob]:
    """The files of a commit. The answer has each one's size and hashes, since it was asked to."""
    return {
        each.rfilename: Blob(
            each.size or 0, each.blob_id or "", each.lfs.sha256 if each.lfs else None
        )
        for each in info.siblings or []
    }


@contextmanager
def quietly(progress: Progress) -> Iterator[None]:
    """What the client itself prints goes through `progress`: its bars not at all, since we have
    our own, and its warnings without the signatures in addresses of the storage."""
    logger = logging.getLogger(LOGGER)
    handlers, shy = logger.handlers[:], are_progress_bars_disabled()
    logger.handlers[:] = [_Noted(progress)]
    if not shy:
        disable_progress_bars()
    try:
        yield
    finally:
        logger.handlers[:] = handlers
        if not shy:
            enable_progress_bars()


class _Noted(logging.Handler):
    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        self._progress.note(f"push: {shown(record.getMessage())}")
