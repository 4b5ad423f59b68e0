"""Names and scenes that the logic puzzles are set in."""

from __future__ import annotations

from msgspec import Struct

PEOPLE = (
    *("Ana", "Bruno", "Chidi", "Dalia", "Emil", "Farah", "Goran", "Hana", "Ilya", "Jun"),
    *("Kemal", "Lucia", "Mira", "Nils", "Oona", "Pavel", "Quentin", "Rosa", "Samir", "Tilda"),
    *("Uma", "Viktor", "Wanda", "Xenia", "Yusuf", "Zoe", "Aldo", "Bettina", "Cyril", "Dunja"),
)
BOATS = ("Kestrel", "Marlin", "Osprey", "Petrel", "Sirocco", "Tern", "Vesta", "Wigeon", "Zephyr")
SONGS = (
    "Amber",
    "Ballast",
    "Cinder",
    "Drift",
    "Ember",
    "Fathom",
    "Glasshouse",
    "Harbour",
    "Inkwell",
)
VILLAGES = ("Alderby", "Brock", "Corvan", "Dunmere", "Eskdale", "Farrow", "Gilling", "Hexley")
TALKS = ("Budget", "Hiring", "Roadmap", "Security", "Training", "Branding", "Support", "Logistics")
CHORES = ("Painting", "Plumbing", "Wiring", "Tiling", "Roofing", "Glazing", "Flooring", "Cleaning")
LESSONS = ("Algebra", "Botany", "Ceramics", "Drama", "Ethics", "French", "Geology", "History")
GADGETS = ("Alpha", "Bravo", "Cedar", "Delta", "Echo", "Flint", "Gamma", "Helix", "Indigo", "Juno")
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


class Line(Struct, frozen=True):
    """Things in a row: "`a` `verb` somewhere `before` `b`"."""

    context: str
    names: tuple[str, ...]
    verb: str
    before: str
    ask: str
    noun: str


LINES = (
    Line(
        "{n} friends ran a ten-kilometre race without a tie: {names}.",
        PEOPLE,
        "finished",
        "ahead of",
        "In which order did they finish?",
        "finishing order",
    ),
    Line(
        "{n} people queue at a bakery: {names}.",
        PEOPLE,
        "stands",
        "in front of",
        "Who stands where, counted from the counter?",
        "queue",
    ),
    Line(
        "{n} boats are moored side by side along a quay: {names}.",
        BOATS,
        "lies",
        "to the left of",
        "What is the order of the boats from left to right?",
        "mooring",
    ),
    Line(
        "A band's set list has {n} songs: {names}.",
        SONGS,
        "is played",
        "before",
        "In which order are the songs played?",
        "set list",
    ),
    Line(
        "A bus calls at {n} villages, each once: {names}.",
        VILLAGES,
        "comes",
        "before",
        "In which order does the bus reach them?",
        "route",
    ),
    Line(
        "{n} crates are stacked on top of each other, with labels {names}.",
        GADGETS,
        "sits",
        "above",
        "How are they stacked, from top to bottom?",
        "stacking",
    ),
)


class Timetable(Struct, frozen=True):
    """Things that each take one cell of a table: `rows` in time, `columns` beside each other."""

    context: str
    names: tuple[str, ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    ask: str


TIMETABLES = (
    Timetable(
        "{n} meetings ({names}) share two rooms, {c0} and {c1}, in the slots {rows}; at most one "
        "meeting takes a room in a slot.",
        TALKS,
        ("9:00", "11:00", "14:00"),
        ("Oak", "Elm"),
        "Where and when does each meeting take place?",
    ),
    Timetable(
        "{n} jobs on a building site ({names}) go to two crews, {c0} and {c1}, over {rows}; a crew "
        "does at most one job a day.",
        CHORES,
        ("Monday", "Tuesday", "Wednesday"),
        ("North", "South"),
        "Which crew does which job on which day?",
    ),
    Timetable(
        "A school fits {n} lessons ({names}) into two halls, {c0} and {c1}, in the periods {rows}; "
        "a hall holds at most one lesson at a time.",
        LESSONS,
        ("Early", "Noon", "Late"),
        ("East", "West"),
        "In which period and hall is each lesson?",
    ),
)


class Trait(Struct, frozen=True):
    """Something that differs from person to person: "`a` `is_` Oslo", "`a` `is_not` Oslo"."""

    is_: str
    is_not: str
    values: tuple[str, ...]
    label: str


TRAITS = (
    Trait("drinks", "does not drink", ("tea", "coffee", "milk", "juice", "cocoa"), "drink"),
    Trait("lives in", "does not live in", ("Oslo", "Porto", "Riga", "Turin", "Ghent"), "town"),
    Trait("keeps a", "does not keep a", ("cat", "parrot", "rabbit", "tortoise", "ferret"), "pet"),
    Trait(
        "plays the", "does not play the", ("cello", "flute", "harp", "oboe", "tuba"), "instrument"
    ),
    Trait("rides a", "does not ride a", ("tandem", "scooter", "moped", "trike", "horse"), "mount"),
    Trait(
        "works as a", "does not work as a", ("baker", "nurse", "pilot", "tailor", "welder"), "job"
    ),
)


class Isle(Struct, frozen=True):
    """A place where each speaker always tells the truth (`true`) or always lies (`false`)."""

    context: str
    true: str
    false: str


ISLES = (
    Isle(
        "On an island every inhabitant is a knight, who only says true things, or a knave, who "
        "only says false things. You meet {names}.",
        "knight",
        "knave",
    ),
    Isle(
        "A workshop has {n} inspection robots: {names}. Each is a keeper, all of whose reports are "
        "true, or a glitcher, all of whose reports are false.",
        "keeper",
        "glitcher",
    ),
    Isle(
        "In a village everybody is either an owl and always tells the truth, or a fox and always "
        "lies. {names} live there.",
        "owl",
        "fox",
    ),
)


class Crime(Struct, frozen=True):
    """One of several people did it."""

    context: str
    deed: str


CRIMES = (
    Crime("Somebody ate the last slice of cake: one of {names}.", "ate it"),
    Crime("Exactly one of {names} broke the greenhouse window.", "broke it"),
    Crime(
        "One of {names} left the gate open last night, and nobody else was involved.",
        "left it open",
    ),
    Crime("The office plant was watered with coffee by one of {names}.", "watered it"),
    Crime("A single person out of {names} hid the projector remote.", "hid it"),
)


class Switches(Struct, frozen=True):
    """Things that are each `on` or `off`."""

    context: str
    names: tuple[str, ...]
    on: str
    on_many: str
    off: str
    ask: str
    noun: str


SWITCHES = (
    Switches(
        "{names} are invited to a dinner; we want to know who comes.",
        PEOPLE,
        "comes",
        "come",
        "stays away",
        "Who comes?",
        "guest list",
    ),
    Switches(
        "A control panel has {n} valves, {names}, each open or shut.",
        GADGETS,
        "is open",
        "are open",
        "is shut",
        "Which valves are open?",
        "setting",
    ),
    Switches(
        "A release can contain {n} modules: {names}.",
        TALKS,
        "is included",
        "are included",
        "is left out",
        "Which modules are included?",
        "selection",
    ),
    Switches(
        "Of the boats {names} some are at sea and the others in port.",
        BOATS,
        "is at sea",
        "are at sea",
        "is in port",
        "Which boats are at sea?",
        "combination",
    ),
)

ODD_THINGS = (
    ("coins", "coin"),
    ("pearls", "pearl"),
    ("bolts", "bolt"),
    ("marbles", "marble"),
    ("sealed jars", "jar"),
    ("ball bearings", "ball bearing"),
)
