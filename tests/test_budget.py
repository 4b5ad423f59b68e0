"""Budgets: what is settled never passes a cap, whatever answers take; prices; the cap's stop."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappa_data.config import Endpoint, GenerateConfig, RoleConfig
from kappa_data.errors import UsageError
from kappa_data.records import Usage
from kappa_data.stages.generate import price_of
from kappa_data.teacher import prices
from kappa_data.teacher.api import ChatAnswer, ChatRequest, Teacher, TeacherError
from kappa_data.teacher.budget import RUN, Amount, Budget, CapReached, Caps
from kappa_data.teacher.meter import Meter, caps_reached, meter_of, reached
from kappa_data.teacher.prices import PICO, Price

PERSONAS = ("lawful_good", "chaotic_evil", None)
PRICE = Price(input=3_000_000, output=15_000_000, cached=300_000)


def request_of(persona: str | None, words: int, max_tokens: int) -> ChatRequest:
    message = {"role": "user", "content": "word " * words}
    return ChatRequest("m", (message,), max_tokens=max_tokens, persona=persona)


class Random(Teacher):
    """Takes any number of tokens: of the prompt at most a token for two bytes (that is what is
    assumed of servers), of the answer at most what was asked. Keeps its own books."""

    def __init__(self, draw: random.Random, fail: float = 0.0) -> None:
        self.draw, self.fail = draw, fail
        self.took: dict[str, Counter[str]] = {}
        self.in_flight = self.peak = 0

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        await asyncio.sleep(self.draw.choice((0, 0.0005, 0.002)))
        self.in_flight -= 1
        books = self.took.setdefault(request.persona or "none", Counter())
        books["requests"] += 1
        if self.draw.random() < self.fail:
            raise TeacherError("overload", "not now")
        size = len(msgspec.json.encode(request.messages))
        prompt = self.draw.randint(1, size // 2 + 200)
        assert request.max_tokens is not None
        completion = self.draw.randint(1, request.max_tokens)
        cached = self.draw.randint(0, prompt)
        books["tokens"] += prompt + completion
        books["parts"] += PRICE.of(prompt, completion, cached)
        return ChatAnswer("x", None, (), "stop", Usage(prompt, completion, 1), 0.0, cached)


async def spend(meter: Meter, teacher: Teacher, requests: list[ChatRequest]) -> Counter[str]:
    """Sends all at once; what became of them."""
    metered = meter.over(teacher)

    async def one(request: ChatRequest) -> str:
        try:
            await metered.complete(request)
        except CapReached as error:
            return error.account or "run"
        except TeacherError:
            return "failed"
        return "answered"

    return Counter(await asyncio.gather(*map(one, requests)))


@st.composite
def caps(draw: st.DrawFn) -> Caps:
    return Caps(
        draw(st.none() | st.integers(1, 60)),
        draw(st.none() | st.integers(100, 60_000)),
        draw(st.none() | st.integers(1, 10**11)),
    )


@given(run=caps(), persona=caps(), seed=st.integers(0, 2**32), fail=st.sampled_from((0.0, 0.3)))
@settings(max_examples=60, deadline=None)
def test_what_is_settled_never_passes_a_cap(
    run: Caps, persona: Caps, seed: int, fail: float
) -> None:
    draw = random.Random(seed)
    requests = [
        request_of(draw.choice(PERSONAS), draw.randint(0, 800), draw.randint(1, 1000))
        for _ in range(80)
    ]
    teacher, meter = Random(draw, fail), Meter(Budget(run, persona), lambda model: PRICE)
    ended = asyncio.run(spend(meter, teacher, requests))
    assert ended.total() == len(requests)  # nobody waits for ever
    books = teacher.took
    for account, limits in [(RUN, run), *((name, persona) for name in books)]:
        mine = sum(books.values(), Counter()) if account == RUN else books[account]
        for cap, limit in zip(Caps._fields, limits, strict=True):
            assert limit is None or mine[cap] <= limit, (account, cap)
        settled = meter.budget.account(account)
        assert (settled.held, settled.in_flight) == (Amount(), 0)
        assert settled.spent == Amount(mine["requests"], mine["tokens"], mine["parts"])
    assert meter.spending.total.failed == ended["failed"]
    # Whoever was not asked had a reason.
    refused = set(ended) - {"answered", "failed"}
    assert refused <= {name or "run" for name in meter.budget.reached}
    if not any((*run, *persona)):
        assert ended["answered"] + ended["failed"] == len(requests)


def test_a_wide_cap_slows_nobody_and_a_narrow_one_is_used_up() -> None:
    requests = [request_of("p", 10, 100) for _ in range(50)]
    teacher = Random(random.Random(1))
    wide = Meter(Budget(Caps(tokens=10**6)), lambda model: None)
    assert asyncio.run(spend(wide, teacher, requests))["answered"] == 50
    assert teacher.peak == 50
    teacher = Random(random.Random(1))
    narrow = Meter(Budget(Caps(tokens=2500)), lambda model: None)
    asyncio.run(spend(narrow, teacher, requests))
    # What is left is less than one more request might have taken.
    assert 2500 - narrow.spending.total.tokens < 100 + 300
    assert narrow.budget.reached == {RUN: "tokens"}


def test_one_persona_at_its_cap_stops_no_other() -> None:
    requests = [request_of(name, 1, 10) for _ in range(9) for name in PERSONAS]
    requests += [request_of("lawful_good", 1, 10)] * 10
    meter = Meter(Budget(persona=Caps(requests=12)), lambda model: None)
    ended = asyncio.run(spend(meter, Random(random.Random(2)), requests))
    assert ended == {"answered": 12 + 9 + 9, "lawful_good": 7}
    assert meter.budget.reached == {"lawful_good": "requests"}
    assert {name: each.requests for name, each in meter.spending.personas.items()} == {
        "lawful_good": 12, "chaotic_evil": 9, "none": 9,
    }  # fmt: skip


def test_a_large_request_is_not_overtaken_for_ever() -> None:
    order: list[int] = []

    class Slow(Teacher):
        async def complete(self, request: ChatRequest) -> ChatAnswer:
            order.append(request.max_tokens or 0)
            await asyncio.sleep(0.001)
            return ChatAnswer("x", None, (), "stop", Usage(1, 1, 1))

    sizes = [500, 500, 3000, 400, 400]
    meter = Meter(Budget(Caps(tokens=3600)), lambda model: None)
    ended = asyncio.run(spend(meter, Slow(), [request_of(None, 1, size) for size in sizes]))
    assert ended == {"answered": 5}
    assert order == sizes


def test_who_is_cancelled_while_waiting_or_being_admitted_leaves_its_room() -> None:
    async def main() -> None:
        budget = Budget(Caps(tokens=100))
        big = Amount(1, 80, 0)
        await budget.hold("p", big)
        waiting = [asyncio.create_task(budget.hold("p", big)) for _ in range(3)]
        await asyncio.sleep(0)
        assert budget.waiting == 3
        waiting[0].cancel()
        await asyncio.sleep(0)
        budget.settle("p", big, Amount(1, 5, 0))
        waiting[1].cancel()  # it has been let in, and does not know it yet
        await asyncio.wait(waiting)
        assert [each.cancelled() for each in waiting] == [True, True, False]
        assert budget.account("p").held == big

    asyncio.run(main())


def test_further_tries_count_and_stop_at_the_cap() -> None:
    async def main() -> None:
        meter = Meter(Budget(Caps(requests=4)), lambda model: None)

        class Retrying(Teacher):
            async def complete(self, request: ChatRequest) -> ChatAnswer:
                for _ in range(9):
                    meter.retrying(request, TeacherError("timeout", "slow"))
                raise AssertionError("more than the cap")

        with pytest.raises(CapReached, match="run: requests"):
            await meter.over(Retrying()).complete(request_of("p", 1, 1))
        total = meter.spending.total
        assert (total.requests, total.failed) == (4, 4)
        assert meter.budget.account(RUN).spent.requests == 4
        assert meter.spending.failures == {"timeout": 4}

    asyncio.run(main())


def test_a_usage_that_was_left_out_is_estimated_and_said() -> None:
    class Silent(Teacher):
        async def complete(self, request: ChatRequest) -> ChatAnswer:
            return ChatAnswer("word " * 40, None, (), "stop", Usage(0, 0, 1))

    meter = Meter(Budget(Caps(tokens=10**6, parts=PICO)), lambda model: PRICE)
    asyncio.run(spend(meter, Silent(), [request_of("p", 100, 4096)] * 3))
    total = meter.spending.total
    assert total.estimated == 3
    assert total.prompt_tokens >= 3 * 100
    assert 3 * 40 <= total.completion_tokens <= 3 * 4096
    assert total.cost == pytest.approx(
        (total.prompt_tokens * 3 + total.completion_tokens * 15) / 10**6
    )


PRICES = """
currency = "EUR"
[models.m]
input = 3
output = 15.5
cached_input = 0.3
[models.small]
input = 0.1
output = 0.2
[endpoints."http://own:1/v1".m]
input = 0
output = 16.0
"""


def test_prices_by_model_and_endpoint(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text(PRICES)
    found = prices.load(str(file))
    assert found.currency == "EUR"
    million = 10**6
    m = found.of("m", ["http://elsewhere/v1"])
    assert m is not None
    assert m.of(million, 0) == 3 * PICO
    assert m.of(million, 0, cached_tokens=million) == 3 * PICO // 10
    assert m.of(0, 2 * million) == 31 * PICO
    own = found.of("m", ["http://own:1/v1"])
    assert own is not None and own.of(million, million) == 16 * PICO
    either = found.of("m", ["http://own:1/v1", "http://elsewhere/v1"])
    assert either is not None and either.of(million, million) == 19 * PICO
    assert found.of("other", ["http://own:1/v1"]) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("currency = 'EUR'\n[model.m]\ninput = 1", ['has no "model"', 'did you mean "models"?']),
        ("currency = 'EUR'\n[models.m]\ninput = 1\noutptu = 2", ['[models."m"]', '"output"?']),
        ("currency = 'EUR'\n[models.m]\ninput = 1", ['lacks "output"']),
        ("currency = 'EUR'\n[models.m]\ninput = -1\noutput = 1", ["input = -1"]),
        ("currency = 'EUR'\n[models.m]\ninput = nan\noutput = 1", ["input = nan"]),
        ("currency = 'EUR'\n[models.m]\ninput = true\noutput = 1", ["input = True"]),
        ("currency = 'EUR'\nmodels = 3", ["models is no table"]),
        ("[models.m]\ninput = 1\noutput = 1", ["says no currency"]),
        ("currency = ", ["p.toml"]),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path: Path, text: str, words: list[str]) -> None:
    file = tmp_path / "p.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        prices.load(str(file))
    for word in [str(file), *words]:
        assert word in str(caught.value)


def test_an_unknown_price_is_not_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert prices.load("").models == {}
    with pytest.raises(UsageError, match="no such file"):
        prices.load("nowhere.toml")
    Path("prices.toml").write_text(PRICES)
    file = prices.load("")
    config = GenerateConfig(model="m", roles={"user": RoleConfig(model="unpriced")})
    price = price_of(config, file)
    meter = meter_of(config, price)
    teacher = Random(random.Random(3))
    asyncio.run(spend(meter, teacher, [request_of("p", 1, 10)]))
    assert meter.spending.total.cost is not None
    other = msgspec.structs.replace(request_of("p", 1, 10), model="unpriced")
    asyncio.run(spend(meter, teacher, [other]))
    assert meter.spending.total.as_json()["cost"] is None
    for field in ("max_cost", "persona_max_cost"):
        with pytest.raises(UsageError) as caught:
            price_of(msgspec.structs.replace(config, **{field: 1.0}), file)
        for word in (field, '[models."unpriced"]', "input", "prices.toml"):
            assert word in str(caught.value)
    elsewhere = Endpoint(base_url="http://own:1/v1")
    assert price_of(GenerateConfig(model="m", endpoints=(elsewhere,), max_cost=1.0), file)("m")
    # A price that holds at one endpoint alone is known where no other one is asked for the model.
    Path("prices.toml").write_text(
        f'{PRICES}\n[endpoints."http://small:1/v1".unpriced]\ninput = 1\noutput = 1\n'
    )
    others = ("assistant", "tool", "writer", "judge")
    parted = msgspec.structs.replace(
        config,
        endpoints=(
            msgspec.structs.replace(elsewhere, roles=others),
            Endpoint(base_url="http://small:1/v1", roles=("user",)),
        ),
        max_cost=1.0,
    )
    assert price_of(parted, prices.load(""))("unpriced") is not None


def test_caps_of_the_settings() -> None:
    free: Callable[[str], Any] = lambda model: prices.FREE  # noqa: E731
    config = GenerateConfig(max_cost=0.25, max_requests=3, persona_max_tokens=9)
    budget = meter_of(config, free).budget
    assert budget.run == Caps(3, None, PICO // 4)
    assert budget.persona == Caps(None, 9, None)


def test_when_all_are_cancelled_at_once_nobody_is_let_in_and_no_room_is_lost() -> None:
    """As two interrupts do: who is answered or ends must not wake one that is cancelled already."""

    async def main() -> None:
        budget = Budget(Caps(tokens=100))
        big = Amount(1, 80, 0)

        async def one() -> None:
            await budget.hold("p", big)
            try:
                await asyncio.sleep(1000)
            finally:
                budget.settle("p", big, Amount(1, 5, 0))

        tasks = [asyncio.create_task(one()) for _ in range(4)]
        await asyncio.sleep(0)
        for each in tasks:
            each.cancel()
        await asyncio.wait(tasks)
        assert all(each.cancelled() for each in tasks)
        assert (budget.account("p").held, budget.waiting) == (Amount(), 0)

    asyncio.run(main())


def test_a_cap_that_all_in_flight_use_up_is_not_called_too_small() -> None:
    async def main() -> None:
        meter = Meter(Budget(Caps(requests=1)), lambda model: None)

        class Failing(Teacher):
            async def complete(self, request: ChatRequest) -> ChatAnswer:
                meter.retrying(request, TeacherError("timeout", "slow"))
                raise AssertionError("more than the cap")

        with pytest.raises(CapReached):
            await meter.over(Failing()).complete(request_of("p", 1, 1))
        said = reached(meter.budget, GenerateConfig(max_requests=1))
        assert said == "max_requests 1 is reached"

    asyncio.run(main())


def test_what_was_never_sent_is_neither_counted_nor_spent() -> None:
    async def main() -> None:
        meter = Meter(Budget(Caps(requests=4)), lambda model: None)

        class Refusing(Teacher):
            async def complete(self, request: ChatRequest) -> ChatAnswer:
                meter.unsent(request)
                raise InterruptedError

        for _ in range(9):
            with pytest.raises(InterruptedError):
                await meter.over(Refusing()).complete(request_of("p", 1, 1))
        assert meter.spending.total.requests == meter.spending.total.failed == 0
        assert meter.budget.account(RUN).spent == meter.budget.account(RUN).held == Amount()

    asyncio.run(main())


def test_caps_are_named_as_the_settings_name_them() -> None:
    config = GenerateConfig(persona_max_tokens=12000, max_cost=0.5)
    budget = Budget(reached={"lawful_good": "tokens", "none": "tokens"})
    assert caps_reached(budget) == dict.fromkeys(("lawful_good", "none"), "persona_max_tokens")
    assert reached(budget, config) == "persona_max_tokens 12,000 is reached by lawful_good, none"
    budget.reached[RUN] = "parts"
    assert caps_reached(budget)["run"] == "max_cost"
    assert reached(budget, config) == "max_cost 0.5 is reached"


def test_a_price_at_another_address_and_a_name_with_a_dot_are_explained(tmp_path: Path) -> None:
    place = tmp_path / "prices.toml"
    place.write_text('currency = "EUR"\n[models.gpt-4.1]\ninput = 1\noutput = 1\n')
    with pytest.raises(UsageError, match="a name with a dot goes in quotes"):
        prices.load(str(place))
    table = '[endpoints."http://h:1".m]\ninput = 1\noutput = 1\n'
    place.write_text(f'currency = "EUR"\n{table}')
    config = GenerateConfig(model="m", base_url="http://h:1/v1", max_cost=1.0)
    with pytest.raises(UsageError, match=r"http://h:1 is of another address than http://h:1/v1"):
        price_of(config, prices.load(str(place)))
