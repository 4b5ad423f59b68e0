"""A teacher that counts what is asked of another one, and keeps it within a budget."""

from __future__ import annotations

from collections.abc import Callable

from kappa_data.config import GenerateConfig
from kappa_data.teacher.api import ChatAnswer, ChatRequest, Teacher, TeacherError
from kappa_data.teacher.budget import RUN, Amount, Budget, CapReached, Caps
from kappa_data.teacher.prices import PICO, Price
from kappa_data.teacher.spending import Sizes, Spending, Spent, spent_on

NONE = "none"


class Meter:
    """Prices requests, and counts them for a run and for each persona.

    `price` gives a model's price, None: unknown. A request counts for the persona on whose behalf
    it is made, whoever is asked. One meter serves one run; `over` puts a teacher behind it.
    """

    def __init__(self, budget: Budget, price: Callable[[str], Price | None]) -> None:
        self.budget = budget
        self.spending = Spending()
        self.in_flight = 0
        self._price = price
        self._sizes = Sizes()
        self._unsent: set[int] = set()

    def over(self, teacher: Teacher) -> Teacher:
        """The teacher, metered."""
        return _Metered(self, teacher)

    def retrying(self, request: ChatRequest, error: TeacherError) -> None:
        """A try of this request failed and the next is to be sent now; CapReached where the cap
        on requests leaves none. To be called by the client, which alone knows of its tries."""
        persona = request.persona or NONE
        self.spending.failed(persona, error)
        self.budget.once_more(persona)

    def unsent(self, request: ChatRequest) -> None:
        """This request ends now without having been sent. To be called by the client as well."""
        self._unsent.add(id(request))

    async def complete(self, teacher: Teacher, request: ChatRequest) -> ChatAnswer:
        """The teacher's answer, once there is room for it; CapReached where there will be none."""
        persona, most = request.persona or NONE, self._most(request)
        await self.budget.hold(persona, most)
        self.in_flight += 1
        took = Spent(requests=1)
        try:
            answer = await teacher.complete(request)
            took = spent_on(request, answer, self._price(request.model), self._sizes)
            self.spending.add(persona, took)
            if self.budget.bounded:  # a whole history is measured: not where nobody needs it
                self._sizes.learn(request, answer.usage.prompt_tokens)
        except CapReached:
            raise  # before a further try; the one that failed is counted
        except BaseException as error:
            if id(request) in self._unsent:
                self._unsent.remove(id(request))
                took = Spent()
            else:
                self.spending.failed(persona, error)
            raise
        finally:
            self.in_flight -= 1
            used = Amount(took.requests, took.tokens, took.parts)
            self.budget.settle(persona, most, used)
        return answer

    def _most(self, request: ChatRequest) -> Amount:
        """What a request may take: its prompt estimated from above, its answer at full length."""
        if not self.budget.bounded:
            return Amount(requests=1)
        if request.max_tokens is None:
            raise ValueError("a budget needs requests with max_tokens: their answers have no end")
        prompt, price = self._sizes.most(request), self._price(request.model)
        dearest = max(price.input, price.cached) * prompt if price else 0
        answer = price.output * request.max_tokens if price else 0
        return Amount(1, prompt + request.max_tokens, dearest + answer)


def meter_of(config: GenerateConfig, price: Callable[[str], Price | None]) -> Meter:
    """A meter with the caps of the settings, where 0 means none."""

    def caps(prefix: str) -> Caps:
        requests, tokens, cost = (
            getattr(config, f"{prefix}max_{each}") for each in ("requests", "tokens", "cost")
        )
        return Caps(requests or None, tokens or None, max(round(cost * PICO), 1) if cost else None)

    return Meter(Budget(caps(""), caps("persona_")), price)


def caps_reached(budget: Budget) -> dict[str, str]:
    """The setting whose cap ended an account, by persona; "run": that of the run."""
    return {account or "run": _cap(budget, account) for account in sorted(budget.reached)}


def reached(budget: Budget, config: GenerateConfig) -> str:
    """The caps that ended accounts, as the settings call them; '' where none did."""
    if RUN in budget.reached:
        return f"{_cap(budget, RUN)} {_value(budget, RUN, config)} is reached"
    whose: dict[str, list[str]] = {}
    for account in sorted(budget.reached):
        words = f"{_cap(budget, account)} {_value(budget, account, config)}"
        whose.setdefault(words, []).append(account)
    return ", ".join(f"{words} is reached by {', '.join(who)}" for words, who in whose.items())


def _cap(budget: Budget, account: str) -> str:
    cap = budget.reached[account]
    return f"{'' if account == RUN else 'persona_'}max_{'cost' if cap == 'parts' else cap}"


def _value(budget: Budget, account: str, config: GenerateConfig) -> str:
    value = f"{getattr(config, _cap(budget, account)):,}"
    if account not in budget.too_small:
        return value
    needs: float = budget.too_small[account]
    needs = needs / PICO if budget.reached[account] == "parts" else needs
    return f"{value} (too small: the next request alone may take {needs:,})"


class _Metered:
    def __init__(self, meter: Meter, teacher: Teacher) -> None:
        self._meter, self._teacher = meter, teacher

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        return await self._meter.complete(self._teacher, request)
