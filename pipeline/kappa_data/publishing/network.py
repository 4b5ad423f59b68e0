"""What may pass by itself on the way to a server, and what will not."""

from __future__ import annotations

import socket


def unresolved(error: BaseException | None) -> bool:
    """Whether nobody could say where the server is: its name is wrong, or there is no network.

    Clients wrap that error in their own ones: it is looked for among their causes.
    """
    while error is not None:
        if isinstance(error, socket.gaierror):
            return True
        error = error.__cause__ or error.__context__
    return False
