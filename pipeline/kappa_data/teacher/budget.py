"""Caps that hold: what a request may take at most is set aside before it is sent.

There is an account for the run and one for each persona. What does not fit waits, first come first
served, until answers have told how little they really took; what does not fit although nothing of
its account is in flight any more, ends that account: of a persona alone, or of the run.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

RUN = ""
"""the run's own account; the others have the names of personas"""


class Amount(NamedTuple):
    """What requests take; `parts` of the currency (prices.PICO)."""

    requests: int = 0
    tokens: int = 0
    parts: int = 0


class Caps(NamedTuple):
    """At most so much; None: no cap."""

    requests: int | None = None
    tokens: int | None = None
    parts: int | None = None


class CapReached(Exception):
    """This request is not sent: `account` (RUN, or a persona) has no room for it."""

    def __init__(self, account: str, cap: str) -> None:
        super().__init__(f"{account or 'run'}: {cap}")
        self.account, self.cap = account, cap


@dataclass
class Account:
    """`spent` is settled; `held` is set aside for the `in_flight` requests that are not."""

    caps: Caps
    spent: Amount = field(default_factory=Amount)
    held: Amount = field(default_factory=Amount)
    in_flight: int = 0

    def full(self, more: Amount) -> str:
        """The first cap that `more` would not fit under; '' where it fits."""
        for number, limit in enumerate(self.caps):
            if limit is not None and self.spent[number] + self.held[number] + more[number] > limit:
                return Caps._fields[number]
        return ""

    def hold(self, amount: Amount) -> None:
        self.held = _sum(self.held, amount)
        self.in_flight += 1

    def settle(self, held: Amount, used: Amount) -> None:
        self.held = _sum(self.held, held, -1)
        self.spent = _sum(self.spent, used)
        self.in_flight -= 1


@dataclass(eq=False)
class _Waiter:
    number: int
    amount: Amount
    admitted: asyncio.Future[None]


@dataclass
class Budget:
    """The accounts of one run; `persona` are the caps of each persona by itself.

    `reached` names the cap that ended an account: it sends nothing any more. Where that was with
    its first request, `too_small` says how much of it this one request might have taken.
    """

    run: Caps = field(default_factory=Caps)
    persona: Caps = field(default_factory=Caps)
    reached: dict[str, str] = field(default_factory=dict)
    too_small: dict[str, int] = field(default_factory=dict)
    _accounts: dict[str, Account] = field(default_factory=dict)
    _waiting: dict[str, deque[_Waiter]] = field(default_factory=dict)
    _number: int = 0

    @property
    def bounded(self) -> bool:
        """Whether tokens or money have a cap, so that requests have to be measured first."""
        return any(cap is not None for cap in (*self.run[1:], *self.persona[1:]))

    @property
    def waiting(self) -> int:
        """Requests that wait for room."""
        return sum(map(len, self._waiting.values()))

    def account(self, name: str) -> Account:
        """The account of the run (RUN) or of a persona."""
        if name not in self._accounts:
            self._accounts[name] = Account(self.run if name == RUN else self.persona)
        return self._accounts[name]

    async def hold(self, persona: str, amount: Amount) -> None:
        """Sets `amount` aside, as soon as there is room; CapReached where there will be none."""
        self._raise_if_reached(persona)
        own, run = self.account(persona), self.account(RUN)
        if not (self.waiting or own.full(amount) or run.full(amount)):
            own.hold(amount)
            run.hold(amount)
            return
        admitted = asyncio.get_running_loop().create_future()
        waiter = _Waiter(self._number, amount, admitted)
        self._number += 1
        self._waiting.setdefault(persona, deque()).append(waiter)
        self._admit()
        try:
            await admitted
        except asyncio.CancelledError:
            if waiter in self._waiting[persona]:
                self._waiting[persona].remove(waiter)
                self._admit()
            elif admitted.done() and not admitted.cancelled() and admitted.exception() is None:
                self.settle(persona, amount, Amount())
            raise

    def once_more(self, persona: str) -> None:
        """One more request is sent, a further try: no tokens are set aside for it anew, since the
        one before it brought none. CapReached where requests have a cap and it is reached."""
        self._raise_if_reached(persona)
        one = Amount(requests=1)
        for name in (persona, RUN):
            if cap := self.account(name).full(one):
                self._end(name, cap, one)
                self._raise_if_reached(persona)
        for name in (persona, RUN):
            account = self.account(name)
            account.spent = _sum(account.spent, one)

    def settle(self, persona: str, held: Amount, used: Amount) -> None:
        """A request that `held` so much took so much."""
        for name in (persona, RUN):
            self.account(name).settle(held, used)
        self._admit()

    def _admit(self) -> None:
        """Lets in who has room, in the order of arrival; a persona without room is passed over."""
        while (found := self._next()) is not None:
            persona, waiter = found
            self._waiting[persona].popleft()
            for name in (persona, RUN):
                self.account(name).hold(waiter.amount)
            waiter.admitted.set_result(None)

    def _next(self) -> tuple[str, _Waiter] | None:
        """Who is to be let in now; ends the accounts in which nobody ever will."""
        for queue in self._waiting.values():
            while queue and queue[0].admitted.done():  # cancelled, and it did not run since
                queue.popleft()
        heads = [(queue[0].number, persona) for persona, queue in self._waiting.items() if queue]
        for _, persona in sorted(heads):
            waiter = self._waiting[persona][0]
            own, run = self.account(persona), self.account(RUN)
            if cap := own.full(waiter.amount):
                if not own.in_flight:
                    self._end(persona, cap, waiter.amount)
            elif cap := run.full(waiter.amount):
                # Nobody overtakes, else a large request would wait for ever behind small ones.
                if not run.in_flight:
                    self._end(RUN, cap, waiter.amount)
                return None
            else:
                return persona, waiter
        return None

    def _end(self, name: str, cap: str, wanted: Amount) -> None:
        self.reached.setdefault(name, cap)
        if self.account(name).spent == Amount() and not self.account(name).in_flight:
            self.too_small[name] = wanted[Amount._fields.index(cap)]
        for persona in list(self._waiting) if name == RUN else [name]:
            queue = self._waiting.get(persona, deque())
            while queue:
                if not (admitted := queue.popleft().admitted).done():
                    admitted.set_exception(CapReached(name, cap))

    def _raise_if_reached(self, persona: str) -> None:
        for name in (RUN, persona):
            if name in self.reached:
                raise CapReached(name, self.reached[name])


def _sum(first: Amount, second: Amount, sign: int = 1) -> Amount:
    return Amount(
        first.requests + sign * second.requests,
        first.tokens + sign * second.tokens,
        first.parts + sign * second.parts,
    )
