"""What the user said about a push."""

from __future__ import annotations

from msgspec import Struct


class Options(Struct, frozen=True, kw_only=True):
    """The flags of push; what nobody said stays at its default."""

    private: bool = False
    """a repository that is made now is private; one that is there and public is refused"""
    dry_run: bool = False
    revision: str = "main"
    """the branch that gets the commit; made where it is lacking"""
    create_pr: bool = False
    """the commit becomes a pull request, and the branch stays as it is"""
    message: str = "Release by kappa-data"
    allow_embedded: bool = False
    allow_simulated: bool = False
    allow_unsafe_local: bool = False
    allow_secrets: bool = False
    allow_personal_data: bool = False
    key_variables: tuple[str, ...] = ()
    """environment variables that hold keys whatever they are called: those of the endpoints"""
