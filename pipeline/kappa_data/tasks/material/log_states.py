"""Log scenarios about states: orders charged twice, memory that grows."""

from __future__ import annotations

import json
from datetime import timedelta

from kappa_data.tasks.material.logs import (
    SERVICES,
    Case,
    first_look,
    ordered,
    side_question,
    stamp,
    start,
)
from kappa_data.tasks.steps import bash
from kappa_data.tasks.wording import Wording, listed

TWICE_STORY = (
    "Some customers of {service} were charged twice; {log} has one JSON event a line.",
    "There are complaints about double charges in {service}, all events are in {log}.",
)
TWICE_QUESTION = (
    "Which orders have more than one charge, how many orders are that, and how many cents were "
    "taken too much in total? Also tell me the number of charge events.",
    "List the orders that were charged more than once, their number, the sum in cents that has "
    "to go back, and how many charge events there are in all.",
)
TWICE_ANSWER = (
    "{orders} orders were charged more than once: {names}. Together {excess_cents} cents were "
    "taken too much, counting every charge after the first of an order. There are {charges} "
    "charge events in all. The second charge follows within seconds each time, which <looks "
    "like|points to> a repeated request that {service} did not recognise.",
    "Charged twice: {names}. These {orders} orders add up to {excess_cents} cents that have to "
    "go back; {log} has {charges} charges in total. <Refund events|The {refunds} refund events> "
    "were left out of the count. In every pair the amounts are equal and only seconds apart, so "
    "it is <a repetition|the same payment sent again>, not a second purchase.",
)
TWICE_MORE_ASK = (
    "How many refund events does {log} have?",
    "And refunds, how many of those are in there?",
)
TWICE_MORE_ANSWER = (
    "{log} has {refunds} refund events, next to {charges} charges. I counted the value of the "
    "event field and not just the word, in case it stands in another field as well. <None of "
    "them|As far as the ids go, none> repairs a double charge: the orders with two charges, such "
    "as {some}, have no refund.",
    "There are {refunds} refunds among the events. They belong to other orders than the {orders} "
    "that were charged twice, so {excess_cents} cents are still owed. <The count goes by|It is a "
    "count of> lines of {log} whose event is refund, whatever the amount of each.",
)

TWICE_SCRIPT = (
    "import json, collections\n"
    "rows = [json.loads(line) for line in open('LOG')]\n"
    "charges = [row for row in rows if row['event'] == 'charge']\n"
    "count = collections.Counter(row['order'] for row in charges)\n"
    "cents = {row['order']: row['cents'] for row in charges}\n"
    "twice = sorted(order for order, n in count.items() if n > 1)\n"
    "print(len(charges), len(twice), sum(cents[order] * (count[order] - 1) for order in "
    "twice))\n"
    "print(*twice)\n"
)


def charged_twice(w: Wording) -> Case:
    """Orders with two charges in a log of JSON lines."""
    log = w.pick(("payments.jsonl", "logs/payments.jsonl", "events.jsonl", "ledger.jsonl"))
    service = w.pick(SERVICES)
    at = start(w)
    events: list[tuple[dict[str, object], int]] = []
    twice = []
    for _ in range(w.rng.randrange(70, 120)):
        at += timedelta(seconds=w.rng.randrange(5, 90))
        order = f"{w.pick('ABCDEFGH')}{w.rng.randrange(10000, 99999)}"
        cents = w.rng.randrange(300, 20000)
        kind = w.pick(("charge", "charge", "charge", "refund"))
        events.append(({"at": stamp(at), "event": kind, "order": order, "cents": cents}, 0))
        if kind == "charge" and w.chance(0.08):
            again = stamp(at + timedelta(seconds=w.rng.randrange(1, 4)))
            events.append(({"at": again, "event": "charge", "order": order, "cents": cents}, 1))
            twice.append((order, cents))
    if not twice:
        order, cents = "K10203", 1250
        for extra in (0, 1):
            row = {"at": stamp(at + timedelta(seconds=60 + extra)), "event": "charge"}
            events.append(({**row, "order": order, "cents": cents}, extra))
        twice.append((order, cents))
    rows = sorted((row for row, _ in events), key=lambda row: str(row["at"]))
    charges = sum(row["event"] == "charge" for row in rows)
    refunds = sum(row["event"] == "refund" for row in rows)
    excess = sum(cents for _, cents in twice)
    names = sorted(order for order, _ in twice)
    facts = {"excess_cents": str(excess), "orders": str(len(names)), "charges": str(charges)}
    known = {
        **facts,
        "log": log,
        "service": service,
        "names": listed(names),
        "refunds": refunds,
        "some": names[0],
    }
    story = w.say(
        TWICE_STORY,
        **known,
    )
    question = w.say(TWICE_QUESTION)
    steps = (
        *first_look(w, log, "charges by order"),
        bash(
            f'grep -o \'"event": "[a-z]*"\' {log} | sort | uniq -c',
            w.say("Which kinds of event are there<, and how many of each|>?"),
        ),
        bash(
            f"python3 - <<'END'\n{TWICE_SCRIPT.replace('LOG', log)}END",
            w.say("Count charges by order and add up what the second ones cost<, in cents|>."),
        ),
    )
    answer = w.say(
        TWICE_ANSWER,
        **known,
    )
    hint = side_question(
        w,
        known,
        TWICE_MORE_ASK,
        TWICE_MORE_ANSWER,
        f'grep -c \'"event": "refund"\' {log}; grep refund {log} | grep -c -e '
        + " -e ".join(names)
        + " || true",
        "Count refunds, and see whether one of them is for {names}.",
        str(refunds),
    )
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    return Case({log: text}, log, story, question, steps, answer, facts, (hint,), tuple(names))


MEMORY_STORY = (
    "{service} is killed again and again. {log} has its memory once a minute<, next to that of "
    "{other}|>.",
    "The process of {service} keeps dying<, the kernel says out of memory|>; see {log}.",
)
MEMORY_QUESTION = (
    "After which job does its memory begin to climb, when was that job started, how often was "
    "{service} killed, and what was the highest rss_mb?",
    "I need the job that started right before the growth, its start time, the number of kills "
    "and the peak of rss_mb of {service}.",
)
MEMORY_ANSWER = (
    "The growth begins with the job {job}, started at {started}: before it {service} stays near "
    "{calm} MB, after it every minute adds some. {service} was killed {kills} times, the highest "
    "value was {peak_mb} MB. The job {harmless} <ran earlier without any effect|had no such "
    "effect>, and {other} stays flat all the time.",
    "{job} is the job ({started}). From that minute on the memory of {service} only goes up, "
    "reaches {peak_mb} MB at most, and the kernel killed it {kills} times. <After each kill it "
    "starts again near {calm} MB and climbs anew|Every restart begins near {calm} MB and climbs "
    "again>, so whatever {job} triggered is still active.",
)
MEMORY_MORE_ASK = (
    "When did {service} exceed {limit} MB for the first time?",
    "Time stamp of the first value above {limit} MB for {service}, please.",
)
MEMORY_MORE_ANSWER = (
    "The first value of {service} above {limit} MB is from {over}. The job {job} had been "
    "started at {started}, so that is how long it took from the start of the growth to the "
    "limit. <The kill follows one second later|One second after it comes the kill>, and the same "
    "happens again after every restart.",
    "At {over}. Until then all values of {service} are at or below {limit} MB; the line right "
    "after it is the kill. Counting from {started}, when {job} began, you can read off how "
    "<quickly|fast> the memory fills up, and plan a restart before that if nothing else helps.",
)


def growing_memory(w: Wording) -> Case:
    """Memory climbs after a job starts, until the process is killed."""
    log = w.pick(("metrics.log", "logs/memory.log", "agent.log", "process.log"))
    service, other = w.some(SERVICES, 2)
    limit = w.pick((1500, 2000, 2500, 3000))
    at = start(w)
    lines = []
    calm = w.rng.randrange(300, 500)
    kills, first_over, peak = 0, "", 0
    rss, job_at = calm, ""
    guilty, harmless = w.some(("reindex", "thumbnails", "cleanup", "nightly-sync", "export"), 2)
    for number in range(w.rng.randrange(110, 170)):
        at += timedelta(minutes=1)
        if number == 20:
            lines.append((at, f"{stamp(at)} job={harmless} state=started"))
        if number == 45:
            job_at = stamp(at)
            lines.append((at, f"{stamp(at)} job={guilty} state=started"))
        rss += w.rng.randrange(-8, 9) if number < 45 else w.rng.randrange(35, 95)
        peak = max(peak, rss)
        if rss > limit:
            first_over = first_over or stamp(at)
            lines.append((at, f"{stamp(at)} service={service} rss_mb={rss}"))
            kills += 1
            killed = at + timedelta(seconds=1)
            lines.append((killed, f"{stamp(killed)} kernel: killed {service} (out of memory)"))
            rss = calm
        else:
            lines.append((at, f"{stamp(at)} service={service} rss_mb={rss}"))
        lines.append((at, f"{stamp(at)} service={other} rss_mb={calm + w.rng.randrange(50)}"))
    facts = {"job": guilty, "started": job_at, "kills": str(kills), "peak_mb": str(peak)}
    known = {
        **facts,
        "log": log,
        "service": service,
        "other": other,
        "limit": limit,
        "over": first_over,
        "calm": calm,
        "harmless": harmless,
    }
    story = w.say(
        MEMORY_STORY,
        **known,
    )
    question = w.say(
        MEMORY_QUESTION,
        **known,
    )
    steps = (
        *first_look(w, log, f"the memory of {service}"),
        bash(
            f"grep -n -e job= -e killed {log}",
            w.say("Jobs and kills are the events here; list them<, with their place|>."),
        ),
        bash(
            f"grep -A 12 'job={guilty}' {log} | grep -e job= -e 'service={service} '",
            w.say("How does the memory of {service} go on after {job} started?", **known),
        ),
        bash(
            f"grep 'job=.*started' {log} | tail -n 1; grep -c 'killed {service}' {log}; "
            f"grep 'service={service} ' {log} | grep -o 'rss_mb=.*' | sort -t= -k2 -n | tail -n 1",
            w.say("Number of kills and the highest value of {service}.", **known),
        ),
    )
    answer = w.say(
        MEMORY_ANSWER,
        **known,
    )
    hint = side_question(
        w,
        known,
        MEMORY_MORE_ASK,
        MEMORY_MORE_ANSWER,
        f"grep 'service={service} ' {log} | awk -F'rss_mb=' '$2>{limit}' | head -n 1",
        "First line of {service} whose rss_mb is above {limit}.",
        first_over,
    )
    return Case({log: ordered(lines)}, log, story, question, steps, answer, facts, (hint,))


SCENARIOS = (charged_twice, growing_memory)
