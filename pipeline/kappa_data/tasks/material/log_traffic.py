"""Log scenarios about traffic: a silent host, the client with the most bytes."""

from __future__ import annotations

from datetime import timedelta

from kappa_data.tasks.material.logs import (
    HOSTS,
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

SILENT_STORY = (
    "Our hosts write a beat to {log} every minute, and one of them was silent for a while.",
    "{log} has a line a minute from each of {hosts}. One <must have been|was> away.",
)
SILENT_QUESTION = (
    "Which host has the longest gap between two beats, what are the stamps of the beats around "
    "it, and how many minutes lie between them?",
    "Find the longest silence: which host, last beat before it, first beat after it, minutes "
    "between the two.",
)
SILENT_ANSWER = (
    "{host} was silent for {minutes} minutes: its last beat before the gap is from {last_beat}, "
    "the next one from {next_beat}. The second longest gap is that of {short} with {short_gap} "
    "minutes; the other hosts <sent|have> a beat every minute. <The log does not say why|Why, "
    "the log does not tell>: a stopped sender and a lost network look the same in it.",
    "The longest gap belongs to {host}, from {last_beat} to {next_beat}, which is {minutes} "
    "minutes. {short} also missed some beats ({short_gap} minutes), but nothing comparable. "
    "Among {hosts} these are the only two with gaps, <so a fault of the whole network is "
    "unlikely|which speaks against a common cause>.",
)
SILENT_MORE_ASK = (
    "And how many beats are there from {short}?",
    "How many beats did {short} send in all?",
)
SILENT_MORE_ANSWER = (
    "{short} sent {beats} beats in the time that {log} covers. A host without a gap has a few "
    "more than that, the difference being the beats it missed in its {short_gap} minutes of "
    "silence. <For {host} the count is lower still|{host} has fewer still>, as its gap of "
    "{minutes} minutes is longer.",
    "There are {beats} lines with host={short}. It is the second lowest count after {host}, and "
    "the missing ones <fall into|belong to> the one short gap of {short_gap} minutes. Apart from "
    "that, {short} was there every minute, so I <see no|would not call it a> trend in its "
    "numbers.",
)


def silent_host(w: Wording) -> Case:
    """Heartbeats every minute; one host has the longest gap."""
    log = w.pick(("heartbeat.log", "logs/heartbeats.log", "beats.log", "alive.log"))
    hosts = w.some(HOSTS, 4)
    begin = start(w)
    minutes = w.rng.randrange(60, 90)
    silent = hosts[0]
    gap = w.rng.randrange(9, 20)
    from_minute = w.rng.randrange(10, minutes - gap - 10)
    short, short_gap = hosts[1], w.rng.randrange(3, 6)
    short_from = w.rng.randrange(5, minutes - 10)
    lines = []
    for minute in range(minutes):
        for number, host in enumerate(hosts):
            at = begin + timedelta(minutes=minute, seconds=number * 7)
            if host == silent and from_minute < minute < from_minute + gap:
                continue
            if host == short and short_from < minute < short_from + short_gap:
                continue
            lines.append((at, f"{stamp(at)} beat host={host} load={w.rng.randrange(5, 90) / 10}"))
    last = stamp(begin + timedelta(minutes=from_minute))
    back = stamp(begin + timedelta(minutes=from_minute + gap))
    facts = {"host": silent, "last_beat": last, "next_beat": back, "minutes": str(gap)}
    known = {
        **facts,
        "log": log,
        "short": short,
        "short_gap": short_gap,
        "hosts": listed(sorted(hosts)),
        "beats": sum(f"host={short} " in line for _, line in lines),
    }
    script = (
        "from datetime import datetime\n"
        "last = {}\ngaps = []\n"
        f"for line in open('{log}'):\n"
        "    day, clock, _, host = line.split()[:4]\n"
        "    now = datetime.fromisoformat(f'{day} {clock}')\n"
        "    if host in last:\n"
        "        gaps.append(((now - last[host]).seconds // 60, host, str(last[host]), str(now)))\n"
        "    last[host] = now\n"
        "for gap in sorted(gaps, reverse=True)[:3]:\n"
        "    print(*gap)\n"
    )
    story = w.say(
        SILENT_STORY,
        **known,
    )
    question = w.say(SILENT_QUESTION)
    steps = (
        *first_look(w, log, "the beats of each host"),
        bash(
            f"grep -o 'host=[a-z]*' {log} | sort | uniq -c | sort -n",
            w.say("A host with a gap has fewer beats: count them by host."),
        ),
        bash(
            f"python3 - <<'END'\n{script}END",
            w.say(
                "Take the difference between neighbouring beats of each host and list the largest."
            ),
        ),
    )
    answer = w.say(
        SILENT_ANSWER,
        **known,
    )
    hint = side_question(
        w,
        known,
        SILENT_MORE_ASK,
        SILENT_MORE_ANSWER,
        f"grep -c 'host={short} ' {log}",
        "Count the beats of {short}.",
        str(known["beats"]),
    )
    return Case({log: ordered(lines)}, log, story, question, steps, answer, facts, (hint,))


LOUD_STORY = (
    "The line of our office is full, and {log} has every transfer (client, method, bytes, file).",
    "Somebody uses up our bandwidth. The proxy writes {log}: time, client, method, bytes, file.",
)
LOUD_QUESTION = (
    "Which client moved the most bytes, how many bytes in how many transfers, and which file was "
    "its largest single transfer?",
    "Who is it? Give me the client with the largest sum of bytes, that sum, the number of its "
    "transfers and the file of its largest one.",
)
LOUD_ANSWER = (
    "It is {client}: {bytes} bytes in {transfers} transfers, about {share} percent of everything "
    "in {log}. Its largest single transfer was {largest} with {size} bytes. {many} has <more "
    "lines|the most lines> ({many_count}), but its transfers are small, so the number of lines "
    "<is misleading|leads astray> here.",
    "{client} moved the most, {bytes} bytes ({share} percent of the total) in {transfers} "
    "transfers; the largest was {largest}. By number of transfers {many} would be ahead with "
    "{many_count}, <yet|but> those are small files. <For the bandwidth only the bytes count|What "
    "fills the line is bytes>, so I would ask the owner of {client} first.",
)
LOUD_MORE_ASK = (
    "How many of all transfers were uploads (PUT)?",
    "And how many PUT transfers are in {log}?",
)
LOUD_MORE_ANSWER = (
    "{puts} of the {all} transfers were uploads, that is lines with PUT as the method; the rest "
    "are downloads. I counted the method field, so a file name with those letters <would not "
    "be|is not> counted. For the question of bandwidth the direction changes nothing: {client} "
    "is ahead in <sum|bytes> either way you look at it as a whole.",
    "There are {puts} PUT lines among {all}. The count goes by the method field of {log}. "
    "<Uploads and downloads|Both directions> share the line, and the sums by client above "
    "include both, so {client} with its {bytes} bytes stays the first one to ask.",
)


def loudest_client(w: Wording) -> Case:
    """Who moves the most bytes?"""
    log = w.pick(("transfer.log", "logs/proxy.log", "traffic.log", "ftp.log"))
    clients = [f"192.168.{w.rng.randrange(1, 9)}.{w.rng.randrange(10, 250)}" for _ in range(6)]
    clients = list(dict.fromkeys(clients))
    loud, many = clients[0], clients[1]
    names = w.some(SERVICES, 6)
    at = start(w)
    rows = []
    for _ in range(w.rng.randrange(120, 220)):
        at += timedelta(seconds=w.rng.randrange(2, 60))
        client = many if w.chance(0.35) else w.pick(clients)
        size = w.rng.randrange(200_000, 900_000) if client == loud else w.rng.randrange(200, 30_000)
        way = w.pick(("GET", "GET", "PUT"))
        rows.append((at, client, way, size, f"/{w.pick(names)}/{w.rng.randrange(99)}.bin"))
    total = sum(row[3] for row in rows)
    mine = sum(row[3] for row in rows if row[1] == loud)
    mine_rows = [row for row in rows if row[1] == loud]
    largest = max(mine_rows, key=lambda row: row[3])
    facts = {
        "client": loud,
        "bytes": str(mine),
        "transfers": str(len(mine_rows)),
        "largest": largest[4],
    }
    puts = sum(row[2] == "PUT" for row in rows)
    known = {
        **facts,
        "log": log,
        "many": many,
        "many_count": sum(row[1] == many for row in rows),
        "share": round(100 * mine / total),
        "size": largest[3],
        "puts": puts,
        "all": len(rows),
    }
    lines = [(a, f"{stamp(a)} {c} {way} {size} {path}") for a, c, way, size, path in rows]
    story = w.say(
        LOUD_STORY,
        **known,
    )
    question = w.say(LOUD_QUESTION)
    steps = (
        *first_look(w, log, "bytes by client"),
        bash(
            f"awk '{{b[$3]+=$5; n[$3]++}} END{{for(c in b) print b[c], n[c], c}}' {log} | sort -rn",
            w.say(
                "Sum bytes and count transfers by client<; the number of lines alone misleads|>."
            ),
        ),
        bash(
            f"grep -F ' {loud} ' {log} | sort -k5,5nr | head -n 3",
            w.say("{client} it is, with {bytes} bytes. Its largest transfers next.", **known),
        ),
    )
    answer = w.say(
        LOUD_ANSWER,
        **known,
    )
    hint = side_question(
        w,
        known,
        LOUD_MORE_ASK,
        LOUD_MORE_ANSWER,
        f"awk '$4==\"PUT\"' {log} | wc -l",
        "The method is the fourth field of {log}; count PUT.",
        str(puts),
    )
    return Case({log: ordered(lines)}, log, story, question, steps, answer, facts, (hint,))


SCENARIOS = (silent_host, loudest_client)
