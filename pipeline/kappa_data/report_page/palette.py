"""The colours of the page and its charts, by what they stand for; light and dark.

Blue is what is right or kept, orange what is wrong or refused: told apart by people of every
colour vision, and never by the colour alone. Steps of a scale are numbered from weak to strong.
"""

from __future__ import annotations

from collections.abc import Mapping

Colours = Mapping[str, str]

LIGHT: Colours = {
    "paper": "#ffffff",
    "raised": "#f5f6f7",
    "ink": "#1b1f24",
    "quiet": "#5c646d",
    "line": "#d9dde1",
    "good": "#1d6cb0",
    "bad": "#b9480c",
    "soft": "#a9cbe8",
    "on-strong": "#ffffff",
    "good-back": "#e6f0f9",
    "bad-back": "#fdeee4",
    "trained": "#cfe5b4",
    "trained-ink": "#17240a",
    "right0": "#e8f1f9",
    "right1": "#c6def1",
    "right2": "#98c4e6",
    "right3": "#66a6d6",
    "right4": "#2a76b4",
    "right5": "#0f5490",
    "wrong0": "#fdf2ea",
    "wrong1": "#fadcc8",
    "wrong2": "#f4bd98",
    "wrong3": "#ea9a6c",
    "wrong4": "#bd561d",
    "wrong5": "#96400d",
}
DARK: Colours = {
    "paper": "#14171a",
    "raised": "#1d2125",
    "ink": "#e3e6e9",
    "quiet": "#99a1a9",
    "line": "#343a40",
    "good": "#6ab0e8",
    "bad": "#f0955a",
    "soft": "#2c577c",
    "on-strong": "#0c1115",
    "good-back": "#182a3a",
    "bad-back": "#3a2416",
    "trained": "#3a5320",
    "trained-ink": "#e6f3d6",
    "right0": "#19232c",
    "right1": "#1c3346",
    "right2": "#1f4a67",
    "right3": "#286a94",
    "right4": "#4f9ecd",
    "right5": "#8bc8eb",
    "wrong0": "#271e18",
    "wrong1": "#432a1b",
    "wrong2": "#663920",
    "wrong3": "#8d4c25",
    "wrong4": "#d3783d",
    "wrong5": "#f3a06a",
}
ROLES = tuple(LIGHT)
STEPS = 6


def step_of(value: float, edges: tuple[float, ...]) -> int:
    """Which step of a scale a value has, by the edges between them."""
    return sum(value >= edge for edge in edges)


def on_step(step: int) -> str:
    """The colour of text on that step of a scale."""
    return "ink" if step < STEPS - 2 else "on-strong"
