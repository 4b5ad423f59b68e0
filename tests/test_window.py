"""The window against simulated endpoints: a discrete-event simulation with a clock of its own."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

import pytest

from kappa_data.teacher.window import Window

LATENCY, REJECTION = 0.2, 0.004
START = 36_000.0


class Simulation:
    """256 conversations that ask without end through one window; rejected ones pause."""

    def __init__(self, rejects: Callable[[int], bool], rejection: float, most: int = 256) -> None:
        self.window = Window(most)
        self.rejects, self.rejection = rejects, rejection
        self.draw = random.Random(1)
        self.now, self.serving, self.ready, self.numbers = START, 0, most, 0
        self.events: list[tuple[float, int, str, int, float]] = []
        self.answers: list[float] = []
        self.limited = 0
        self.sizes: list[int] = []

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        self.send()
        while self.events and self.events[0][0] < end:
            self.now, _, what, sent_in, since = heapq.heappop(self.events)
            if what == "back":
                self.ready += 1
            else:
                limited = what == "429"
                self.window.answered(sent_in, limited, self.now, self.now - since)
                self.window.leave(self.now)
                self.sizes.append(self.window.allowed)
                if limited:
                    self.limited += 1
                    self.push(self.draw.uniform(0.5, 1.0), "back", 0)
                else:
                    self.serving -= 1
                    self.ready += 1
                    self.answers.append(self.now)
            self.send()

    def send(self) -> None:
        while self.ready and self.window.in_flight < self.window.allowed:
            self.ready -= 1
            sent_in = self.window.enter(self.now)
            if self.rejects(self.serving):
                self.push(self.rejection, "429", sent_in)
            else:
                self.serving += 1
                self.push(LATENCY * self.draw.uniform(0.9, 1.1), "200", sent_in)

    def push(self, after: float, what: str, sent_in: int) -> None:
        self.numbers += 1
        heapq.heappush(self.events, (self.now + after, self.numbers, what, sent_in, self.now))

    def answered_between(self, start: float, end: float) -> int:
        return sum(start <= at - START < end for at in self.answers)


@pytest.mark.parametrize("rejection", [REJECTION, LATENCY])
def test_a_cap_is_found_and_kept_to(rejection: float) -> None:
    simulation = Simulation(lambda serving: serving >= 64, rejection)
    simulation.run(40)
    ideal = 64 / LATENCY
    assert simulation.answered_between(10, 40) >= 0.95 * 30 * ideal
    assert 56 <= sorted(simulation.sizes)[len(simulation.sizes) // 2] <= 72
    assert simulation.limited < len(simulation.answers) / 4


def test_a_cap_that_is_lifted_is_noticed() -> None:
    cap = 64
    simulation = Simulation(lambda serving: serving >= cap, REJECTION)
    simulation.run(10)
    cap = 1000
    simulation.run(15)
    assert simulation.window.allowed == 256


@pytest.mark.parametrize("rejection", [REJECTION, LATENCY])
@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_rejections_by_chance_do_not_shrink_it(share: float, rejection: float) -> None:
    draw = random.Random(7)
    simulation = Simulation(lambda serving: draw.random() < share, rejection)
    simulation.run(60)
    free = Simulation(lambda serving: draw.random() < share, rejection)
    free.window.answered = lambda *_: None  # type: ignore[method-assign]
    free.run(60)
    assert len(simulation.answers) >= (0.97 if share < 0.25 else 0.85) * len(free.answers)


def test_an_endpoint_that_rejects_all_keeps_the_floor() -> None:
    simulation = Simulation(lambda serving: True, REJECTION)
    simulation.run(10)
    assert simulation.window.allowed >= simulation.window.floor == 8
