"""Things that happened to several people in a long document, and to some others almost."""

from __future__ import annotations

from msgspec import Struct


class Theme(Struct, frozen=True):
    """`yes` says that it happened to {p} with the number {v}, `no` that it nearly did.

    `who` completes "those who ...", `count_of` "how many ...", `total` and `most` are questions.
    `unit` follows {v}; money has none.
    """

    yes: tuple[str, ...]
    no: tuple[str, ...]
    ask: tuple[str, ...]
    who: str
    nearly: str
    total: str
    most: str
    over: str
    low: int
    high: int
    money: bool = False


THEMES = (
    Theme(
        (
            "{p} was granted {v} towards travel costs.",
            "A travel grant of {v} went to {p}.",
            "Towards the costs of a journey, {p} received {v} from the fund.",
        ),
        (
            "{p} had asked for {v} towards travel costs and was refused.",
            "The request of {p} for a travel grant of {v} was turned down.",
        ),
        ("Who all received a travel grant?", "List everybody who was granted travel costs."),
        "received a travel grant",
        "asked for one and was refused",
        "How much was granted for travel altogether?",
        "Who got the largest travel grant?",
        "How many of the grants were above {t}?",
        40,
        480,
        money=True,
    ),
    Theme(
        (
            "{p} had to pay a fine of {v} and did so at once.",
            "A fine of {v} was collected from {p}.",
            "For a breach of the rules {p} paid {v}.",
        ),
        (
            "The fine of {v} against {p} was struck out on appeal.",
            "{p} was threatened with a fine of {v}, which was never imposed.",
        ),
        ("Which people really paid a fine?", "Name all who had to pay a fine in the end."),
        "paid a fine",
        "was let off",
        "What did the fines that were paid come to in all?",
        "Who paid the highest fine?",
        "How many of the fines that were paid were higher than {t}?",
        5,
        95,
        money=True,
    ),
    Theme(
        (
            "{p} gave {v} to the building fund.",
            "The building fund received {v} from {p}.",
            "A gift of {v} by {p} was entered for the building fund.",
        ),
        (
            "{p} promised {v} to the building fund but never paid.",
            "The {v} that {p} had meant for the building fund went elsewhere.",
        ),
        (
            "Who gave money to the building fund?",
            "I need the names of all donors to the building fund, real ones only.",
        ),
        "gave to the building fund",
        "only promised or withdrew a gift",
        "What is the sum of the gifts to the building fund?",
        "Which donor gave most?",
        "How many gifts were larger than {t}?",
        60,
        940,
        money=True,
    ),
    Theme(
        (
            "{p} was elected an honorary member with {v} votes.",
            "With {v} votes {p} became an honorary member.",
            "Honorary membership was conferred on {p} by {v} votes.",
        ),
        (
            "{p} was put up as an honorary member and failed with {v} votes.",
            "In spite of {v} votes {p} did not become an honorary member.",
        ),
        ("Who was elected an honorary member?", "Which honorary members were elected?"),
        "became an honorary member",
        "was put up and failed",
        "How many votes did the elected honorary members get together?",
        "Who of the elected had the most votes?",
        "How many were elected with more than {t} votes?",
        12,
        180,
    ),
    Theme(
        (
            "{p} was given leave for {v} days.",
            "A leave of {v} days was allowed to {p}.",
            "For {v} days {p} was released from duty.",
        ),
        (
            "The leave of {v} days that {p} asked for was not given.",
            "{p} wanted {v} days of leave and withdrew the request.",
        ),
        ("Who was given leave?", "Which persons got the leave that they wanted?"),
        "was given leave",
        "asked and got none",
        "How many days of leave were given in all?",
        "Who was given the longest leave?",
        "How many leaves were longer than {t} days?",
        2,
        60,
    ),
    Theme(
        (
            "{p} borrowed {v} from the relief chest and still owes it.",
            "The loan of {v} to {p} has not come back.",
            "From the relief chest {p} has {v}, which is outstanding.",
        ),
        (
            "{p} borrowed {v} from the relief chest and paid it back in full.",
            "The loan of {v} to {p} was repaid before it was due.",
        ),
        (
            "Who still owes money to the relief chest?",
            "List the debtors of the relief chest who have not paid back.",
        ),
        "still owes money to the relief chest",
        "borrowed but paid back",
        "What do the open loans come to?",
        "Who owes the most?",
        "How many of the open loans are above {t}?",
        20,
        460,
        money=True,
    ),
    Theme(
        (
            "{p} passed the first-aid examination with {v} points.",
            "With {v} points {p} was among those who passed in first aid.",
            "The first-aid certificate was handed to {p}, who had {v} points.",
        ),
        (
            "{p} had {v} points in the first-aid examination, but left out a part and did not"
            " pass.",
            "The first-aid paper of {p}, with {v} points, was declared void.",
        ),
        ("Who passed the first-aid examination?", "Give me all who have passed in first aid."),
        "passed the first-aid examination",
        "sat it without passing",
        "What is the sum of the points of all who passed?",
        "Who passed with the most points?",
        "How many passed with more than {t} points?",
        50,
        198,
    ),
    Theme(
        (
            "{p} is owed pay for {v} hours of night work.",
            "The claim of {p} for {v} hours of night work was accepted.",
            "For {v} hours at night {p} will be paid.",
        ),
        (
            "The claim of {p} for {v} hours of night work was rejected.",
            "{p} first wrote down {v} hours of night work and then took them back.",
        ),
        (
            "Whose night work will be paid?",
            "For which persons was a claim for night work accepted?",
        ),
        "will be paid for night work",
        "claimed in vain or took it back",
        "How many hours of night work have to be paid in all?",
        "Who has the most hours to be paid?",
        "How many persons get more than {t} hours paid?",
        3,
        90,
    ),
    Theme(
        (
            "{p} was vaccinated under number {v} on the list.",
            "Number {v} on the vaccination list is {p}, done.",
            "The vaccination of {p} was entered as number {v}.",
        ),
        (
            "{p}, number {v} on the vaccination list, did not turn up.",
            "On the vaccination list {p} had number {v}, which was crossed out.",
        ),
        ("Who has been vaccinated?", "Which people on the list really were vaccinated?"),
        "was vaccinated",
        "was on the list without being vaccinated",
        "What do the list numbers of the vaccinated add up to?",
        "Who of the vaccinated has the highest number?",
        "How many of the vaccinated have a number above {t}?",
        11,
        300,
    ),
    Theme(
        (
            "{p} sold a plot of {v} square metres to the association.",
            "The association bought {v} square metres from {p}.",
            "A plot of {v} square metres came from {p} by purchase.",
        ),
        (
            "{p} offered a plot of {v} square metres, and nobody wanted it.",
            "The purchase of {v} square metres from {p} fell through.",
        ),
        ("From whom was land bought?", "Who sold land to the association?"),
        "sold land",
        "offered land that was not bought",
        "How many square metres were bought in all?",
        "Who sold the largest plot?",
        "How many of the plots bought were larger than {t} square metres?",
        120,
        2400,
    ),
    Theme(
        (
            "{p} won a prize for a photograph taken at {v} metres above the sea.",
            "The picture by {p}, taken at {v} metres, was given a prize.",
            "Among the prize-winning pictures is that of {p} from a height of {v} metres.",
        ),
        (
            "The picture by {p}, taken at {v} metres, came too late for a prize.",
            "{p} sent in a picture from {v} metres and went away without a prize.",
        ),
        ("Who won a prize for a photograph?", "Whose photographs were given prizes?"),
        "won a prize",
        "sent in a picture without success",
        "What is the sum of the heights at which the prize-winning pictures were taken?",
        "Whose prize-winning picture was taken at the greatest height?",
        "How many of the prize-winning pictures were taken above {t} metres?",
        140,
        2900,
    ),
    Theme(
        (
            "{p} has signed the petition, on line {v}.",
            "On line {v} of the petition stands the signature of {p}.",
            "The petition carries on line {v} the name of {p} in full.",
        ),
        (
            "{p} had line {v} of the petition and struck the name out again.",
            "Line {v} of the petition, meant for {p}, is empty.",
        ),
        ("Who has signed the petition?", "Whose valid signature is on the petition?"),
        "has signed the petition",
        "is not among the valid signatures",
        "What do the line numbers of the valid signatures add up to?",
        "Whose valid signature is on the line with the highest number?",
        "How many valid signatures are on lines after line {t}?",
        2,
        140,
    ),
)
