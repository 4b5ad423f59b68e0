"""A Hub repository as the target: one commit holds everything, and is proved before it is named.

1. The repository and the branch are made where they are lacking.
2. What lies there is read, and compared with the release by hash: where nothing differs, nothing
   is sent.
3. The large files go into the Hub's storage, which readers do not see. A push that was killed here
   goes on with the files that are lacking.
4. One commit, on the parent that was read. Where somebody else was quicker, or no answer came,
   go to 2: a commit that landed is recognised by its files, and never made a second time.
5. Every file is read from the commit's tree and held against the manifest.
6. The commit gets the release's tag, by which trainers can ask for these very bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, get_token
from msgspec import Struct, structs

from kappa_data.errors import EnvironmentLacks, StageError, UsageError
from kappa_data.printable import one_line
from kappa_data.progress import Progress
from kappa_data.publishing.changes import Changes, Parcel, compare, in_words, parcels_of
from kappa_data.publishing.hub_client import Head, Hub, quietly
from kappa_data.publishing.hub_dry_run import foreseen
from kappa_data.publishing.hub_errors import FAILURES, unsettled
from kappa_data.publishing.options import Options
from kappa_data.publishing.release import Release, not_as_sealed

TAG_DIGITS = 12
REFS, PULL = "refs/", "refs/pr/"


class Landed(Struct, frozen=True):
    """Where the release lies now; `pull` is the number of the pull request, where it is one.

    `made` False: it lay there already.
    """

    commit: str
    parcels: dict[str, Parcel]
    changes: Changes
    made: bool
    pull: int | None = None


def push_to_hub(
    release: Release, repo_id: str, options: Options, progress: Progress
) -> dict[str, Any]:
    """Publishes the release: `status` (pushed, up-to-date, dry-run), `said`, `url`, what changed.

    Raises EnvironmentLacks where there is no token, no network or no right to write; UsageError
    for a repository, a branch or a flag that cannot be; StageError where the Hub stays in trouble:
    then nobody sees half of it, and the same command goes on.
    """
    with quietly(progress):
        try:
            token = get_token()
        except FAILURES as error:  # a file that nobody may read, a folder in its place
            raise EnvironmentLacks(
                f"push: the Hub's token cannot be read ({one_line(str(error))}); see HF_HOME, or "
                "set HF_TOKEN"
            ) from error
        if options.dry_run:
            return foreseen(release, repo_id, options, progress)
        if token is None:
            raise EnvironmentLacks(
                "push: no Hub token; log in with `hf auth login` or set HF_TOKEN (write access)"
            )
        return Publisher(Hub(repo_id, progress), release, options, progress).run()


def tag_of(release: Release) -> str:
    """The release's version: `v` and the first digits of its manifest's sha256.

    The same data has the same tag in every repository, whoever pushes it and how often.
    """
    return f"v{hashlib.sha256(release.sealed).hexdigest()[:TAG_DIGITS]}"


class Publisher:
    """One push of one release to one repository."""

    def __init__(self, hub: Hub, release: Release, options: Options, progress: Progress) -> None:
        self._hub, self._release, self._options = hub, release, options
        self._progress = progress
        self._tried: Changes | None = None
        self._additions: dict[tuple[str, str], CommitOperationAdd] = {}

    def run(self) -> dict[str, Any]:
        """All six steps."""
        self._prepare()
        landed = self._hub.settle("commit", self._round, unsettled)
        if landed.made:
            self._prove(landed)
        return self._named(landed)

    def _prepare(self) -> None:
        """Makes the repository where it is lacking."""
        private = self._hub.private()
        if private is None:
            self._hub.create(self._options.private)
            # Somebody may have made it meanwhile: to the client that is as good.
            private = self._hub.private() if self._options.private else None
        if self._options.private and private is False:
            raise UsageError(
                f"push: {self._hub.repo_id} is there and public; make it private in its settings "
                "on the Hub, or leave --private away"
            )

    def _round(self) -> Landed:
        """Reads, compares, and commits what differs; the client's own error where that fails."""
        head = self._read(self._options.revision)
        landed = self._compared(head)
        if not landed.changes:
            return self._recognised(landed)
        if self._options.create_pr and (found := self._pull_request(landed.changes.kept)):
            return self._recognised(found)
        additions = self._uploaded(landed)
        for name in landed.changes.astray:
            self._progress.note(
                f"push: {name} is none of ours, but load_dataset will read it with ours: remove it"
            )
        self._tried = landed.changes
        info = self._hub.commit(
            [*additions, *map(CommitOperationDelete, landed.changes.removed)],
            head.commit,
            self._options,
            f"kappa-data release {tag_of(self._release)}",
        )
        return structs.replace(landed, commit=info.oid, made=True, pull=info.pr_num)

    def _uploaded(self, landed: Landed) -> list[CommitOperationAdd]:
        """The files to commit, the large ones in the Hub's storage; once each in all rounds."""
        wanted = {(name, landed.parcels[name].sha256): name for name in landed.changes.sent}
        fresh = {
            key: self._addition(name, landed.parcels[name])
            for key, name in wanted.items()
            if key not in self._additions
        }
        self._hub.upload(list(fresh.values()), self._options)
        self._additions |= fresh
        for each in fresh.values():
            # The client leaves out of a commit what lay there when it was uploaded. Our comparison
            # is of the commit's own parent: what it names is sent.
            each._remote_oid = None
        return [self._additions[key] for key in wanted]

    def _addition(self, name: str, parcel: Parcel) -> CommitOperationAdd:
        """UsageError where the file was changed since it was looked through."""
        source = parcel.source
        made = CommitOperationAdd(name, str(source) if isinstance(source, Path) else source)
        if made.upload_info.sha256.hex() != parcel.sha256:
            raise not_as_sealed(self._release, name)
        return made

    def _recognised(self, landed: Landed) -> Landed:
        """Where nothing differs after a commit without an answer, that commit has landed."""
        if self._tried is None:
            return landed
        return structs.replace(landed, changes=self._tried, made=True)

    def _read(self, revision: str) -> Head:
        """The branch as it is now, made where it is lacking."""
        head = self._hub.head(revision)
        if head is not None:
            self._check_branch(revision)
            return head
        if self._options.create_pr or revision.startswith(REFS):
            raise UsageError(
                f"push: {self._hub.repo_id} has no {revision}: a branch is made where it is "
                "lacking, but not for a pull request; check --revision"
            )
        self._hub.create_branch(revision)
        head = self._hub.head(revision)
        if head is None:
            raise StageError(
                f"push: {self._hub.repo_id}: the branch {revision} was made and is not there; "
                "run the same command again"
            )
        return head

    def _check_branch(self, revision: str) -> None:
        """UsageError where nothing can be committed to it, before anything is uploaded."""
        usual = revision == Options().revision or revision.startswith(REFS)
        if not usual and revision not in self._hub.branches():
            raise UsageError(
                f"push: {revision} of {self._hub.repo_id} is a tag or a commit, which stays as it "
                "is; name a branch with --revision"
            )

    def _compared(self, head: Head, pull: int | None = None) -> Landed:
        parcels = parcels_of(self._release, head.card, head.manifest)
        changes = compare(parcels, head.files, head.manifest)
        return Landed(head.commit, parcels, changes, False, pull)

    def _pull_request(self, kept: Collection[str]) -> Landed | None:
        """The open pull request that holds this release: a second one is never opened.

        One that brings more than that, files beside those that the branch has, is not ours.
        """
        for number in self._hub.pull_requests():
            head = self._hub.head(f"{PULL}{number}")
            if head is None:
                continue
            landed = self._compared(head, number)
            if not landed.changes and set(landed.changes.kept) <= set(kept):
                return landed
        return None

    def _prove(self, landed: Landed) -> None:
        """StageError where a file of the commit is not what was sent."""
        found = compare(landed.parcels, self._hub.files(landed.commit), None)
        wrong = [*found.sent, *(name for name in landed.changes.removed if name in found.kept)]
        if wrong:
            raise StageError(
                f"push: {self._hub.repo_id}: {len(wrong)} files of commit {landed.commit} are not "
                f"what was sent, the first is {wrong[0]}; run the same command again, and tell "
                "the Hub's support if it stays"
            )

    def _named(self, landed: Landed) -> dict[str, Any]:
        """Gives the commit its tag, and says what was done."""
        hub, changes = self._hub, landed.changes
        tag, made = tag_of(self._release), landed.made
        summary = {
            **changes.as_json(landed.parcels),
            "status": "pushed" if made else "up-to-date",
            "url": hub.url,
            "commit": landed.commit,
        }
        what = in_words(len(changes.sent), summary["bytes to send"])
        if landed.pull is not None:
            url = f"{hub.url}/discussions/{landed.pull}"
            said = f"opened {url} with {what}" if made else f"{url} holds this release already"
            return {**summary, "url": url, "said": f"{said}; {self._options.revision} is untouched"}
        if self._options.revision.startswith(PULL):
            return {**summary, "said": f"{hub.url}: {self._options.revision} holds this release"}
        tagged = tag not in hub.tags()
        if tagged:
            hub.tag(tag, landed.commit, self._options.message)
        if made:
            said = f"sent {what}, to {hub.url}, verified every file there; the tag is {tag}"
        else:
            said = f"{hub.url} holds this release already ({tag}{', tagged now' * tagged})"
        return {**summary, "tag": tag, "said": said}
