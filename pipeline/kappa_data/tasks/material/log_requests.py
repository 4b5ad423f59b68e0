"""Log scenarios about answers: errors after a release, one slow path."""

from __future__ import annotations

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

_ERRORS = (
    "connection refused by upstream",
    "cannot parse price field",
    "lock wait timeout exceeded",
    "certificate has expired",
    "no space left on device",
    "template not found",
    "unexpected end of stream",
    "quota exhausted for tenant",
)


ERRORS_QUESTION = (
    "Which component do most of them come from, how many ERROR lines does it have, when was the "
    "first one (time stamp as in the log), and which version had just been started?",
    "I need: the component with the most ERROR lines, their number, the time stamp of its first "
    "one, and the version that it was running by then.",
)
ERRORS_ANSWER = (
    'It is {component}: {errors} of the ERROR lines are its own, all of them "{message}". The '
    "first one is from {since}, shortly after version {version} was started<, so the release is "
    "the likely cause|>. The other components ({rest}) have {other} errors between them<, spread "
    "over the whole log|>, which <looks like the usual noise|is no pattern>.",
    'Most errors come from {component} ({errors} lines, "{message}"). They begin at {since}; '
    "before that it had none, and the last thing it logged as a start is version {version}. "
    "<Going back to the version before|A rollback> would be the quickest test of that. {other} "
    "further ERROR lines belong to {rest}.",
)
ERRORS_MORE_ASK = (
    "How many ERROR lines are there that do not come from {component}?",
    "And the errors that are not from {component}, how many are those?",
)
ERRORS_MORE_ANSWER = (
    "{other} ERROR lines come from other components than {component}. I counted all ERROR lines "
    'and left out those with [{component}]; their text is "{noise}", and they <occur before and '
    "after|are not tied to> the start of version {version}, so they are a separate and much "
    "smaller matter.",
    'There are {other}. They say "{noise}" and come from among {rest}. Set against the {errors} '
    "lines of {component} that is little, and <they do not begin at|nothing about them changes "
    "at> {since}, so I would look at them separately.",
)


def errors_after_release(w: Wording) -> Case:
    """One component's errors begin with a release."""
    log = w.pick(("app.log", "logs/app.log", "service.log", "var/application.log"))
    parts = w.some(SERVICES, 4)
    bad, message, noise = parts[0], *w.some(_ERRORS, 2)
    version = f"{w.rng.randrange(2, 9)}.{w.rng.randrange(20)}.{w.rng.randrange(10)}"
    begin = start(w)
    at = begin
    lines = []
    total = w.rng.randrange(140, 240)
    release_at = w.rng.randrange(total // 3, total // 2)
    count, first, other = 0, "", 0
    for number in range(total):
        at += timedelta(seconds=w.rng.randrange(4, 40))
        if number == release_at:
            lines.append((at, f"{stamp(at)} INFO  [{bad}] started version {version}"))
        elif number > release_at + 2 and w.chance(0.3):
            count += 1
            first = first or stamp(at)
            lines.append((at, f"{stamp(at)} ERROR [{bad}] {message} (id {w.rng.randrange(9999)})"))
        elif w.chance(0.05):
            other += 1
            part = w.pick(parts[1:])
            lines.append((at, f"{stamp(at)} ERROR [{part}] {noise} (id {w.rng.randrange(9999)})"))
        else:
            text = w.pick(("request done", "cache refreshed", "queue empty", "session opened"))
            level = w.pick(("INFO ", "INFO ", "DEBUG", "WARN "))
            lines.append((at, f"{stamp(at)} {level} [{w.pick(parts)}] {text}"))
    facts = {"component": bad, "errors": str(count), "since": first, "version": version}
    known = {
        **facts,
        "log": log,
        "message": message,
        "other": other,
        "rest": listed(parts[1:]),
        "noise": noise,
    }
    story = w.say(
        "<Since some time today|All of a sudden> we see <a lot of|many> errors in {log}.", **known
    )
    question = w.say(ERRORS_QUESTION)
    steps = (
        *first_look(w, log, "ERROR lines by component"),
        bash(
            f"grep ERROR {log} | grep -o '\\[[a-z]*\\]' | sort | uniq -c | sort -rn",
            w.say("Count ERROR lines by component<, the name in brackets|>.", **known),
        ),
        bash(
            f"grep 'ERROR \\[{bad}\\]' {log} | head -n 3",
            w.say(
                "{component} stands out with {errors}. When did it begin, and with what?", **known
            ),
        ),
        bash(
            f"grep -n '\\[{bad}\\]' {log} | grep -e started -e ERROR | head -n 4; "
            f"grep -c 'ERROR \\[{bad}\\]' {log}",
            w.say(
                "What happened to {component} right before {since}? A start would be logged.",
                **known,
            ),
        ),
    )
    answer = w.say(
        ERRORS_ANSWER,
        **known,
    )
    hint = side_question(
        w,
        known,
        ERRORS_MORE_ASK,
        ERRORS_MORE_ANSWER,
        f"grep ERROR {log} | grep -vc '\\[{bad}\\]'; grep ERROR {log} | grep -v '\\[{bad}\\]'",
        "Leave {component} out and count what remains.",
        str(other),
    )
    more = (hint,) if other else ()
    return Case({log: ordered(lines)}, log, story, question, steps, answer, facts, more)


SLOW_STORY = (
    "<Customers complain|There are complaints> that the shop is slow; {log} has the time of each "
    "request at its end."
)
SLOW_QUESTION = (
    "Which path is slow on average, how many requests took more than {limit} ms, and how long "
    "did the slowest take?",
    "Find the path with the highest mean time, the number of requests above {limit} ms, and the "
    "longest time of all<, in ms|> please.",
)
SLOW_ANSWER = (
    "The slow path is {path}: {mean} ms on average over {hits} requests, while {others} stay "
    "below 200 ms. {over_limit} requests took more than {limit} ms, and the slowest one needed "
    "{slowest_ms} ms. <All of that is in one path|Only this path is affected>, so I would "
    "look at what {path} calls, not at the server as a whole.",
    "{path} is the one, with a mean of {mean} ms. Above {limit} ms there are {over_limit} of "
    "{all} requests, the longest took {slowest_ms} ms. The other paths ({others}) <answer "
    "quickly|are quick throughout>, which <speaks against|rules out> a general overload of the "
    "machine.",
)
SLOW_MORE_ASK = (
    "How many requests ended with status 500?",
    "And how many answers with code 500 are in {log}?",
)
SLOW_MORE_ANSWER = (
    "{failed} of the {all} requests in {log} ended with status 500. I went by the status field "
    "and not by a plain search for 500, since that number could stand in a time or an address "
    "too. The slow path {path} is a separate question: <slow answers are no failures|being slow "
    "is not failing>.",
    "Status 500 occurs {failed} times among {all} requests. The count looks at the field before "
    "the time, so a request that took 500 ms is not mistaken for one. <It says nothing about|It "
    "has nothing to do with> how long {path} takes; for that the times above are what counts.",
)


def slow_pages(w: Wording) -> Case:
    """One path of an access log is slow."""
    log = w.pick(("access.log", "logs/access.log", "web/access.log", "nginx.log"))
    paths = [f"/{name}" for name in w.some(SERVICES, 5)]
    slow = paths[0]
    at = start(w)
    rows = []
    for _ in range(w.rng.randrange(150, 260)):
        at += timedelta(seconds=w.rng.randrange(1, 9))
        path = w.pick(paths)
        code = w.pick((200, 200, 200, 200, 200, 200, 302, 404, 500))
        took = w.rng.randrange(10, 180)
        if path == slow:
            took = w.rng.randrange(700, 4000)
        rows.append((at, path, code, took, f"10.{w.rng.randrange(9)}.{w.rng.randrange(99)}.7"))
    limit = w.pick((1000, 1500, 2000))
    over = sum(row[3] > limit for row in rows)
    worst = max(row[3] for row in rows)
    lines = [
        (a, f'{ip} - - [{a.strftime("%Y-%m-%d %H:%M:%S")}] "GET {p} HTTP/1.1" {c} {t}ms')
        for a, p, c, t, ip in rows
    ]
    mean = sum(row[3] for row in rows if row[1] == slow) / sum(row[1] == slow for row in rows)
    failed = sum(row[2] == 500 for row in rows)
    facts = {"path": slow, "over_limit": str(over), "slowest_ms": str(worst)}
    known = {
        **facts,
        "log": log,
        "limit": limit,
        "mean": round(mean),
        "hits": sum(row[1] == slow for row in rows),
        "all": len(rows),
        "failed": failed,
        "others": listed(paths[1:]),
    }
    story = w.say(
        SLOW_STORY,
        **known,
    )
    question = w.say(
        SLOW_QUESTION,
        **known,
    )
    steps = (
        *first_look(w, log, "the time at the end of a line"),
        bash(
            f'awk \'{{t=$NF; sub(/ms/,"",t); n=NF-3; s[$n]+=t; c[$n]++}} '
            f'END{{for(p in s) printf "%d %d %s\\n", s[p]/c[p], c[p], p}}\' {log} | sort -rn',
            w.say("Mean time and number of requests by path<, slowest first|>.", **known),
        ),
        bash(
            f'awk \'{{t=$NF; sub(/ms/,"",t); if(t+0>{limit}) n++; if(t+0>m) {{m=t+0; p=$(NF-3)}}}} '
            f"END{{print p, n, m}}' {log}",
            w.say(
                "{path} is far above the rest. Now count above {limit} ms, and take the maximum.",
                **known,
            ),
        ),
    )
    answer = w.say(
        SLOW_ANSWER,
        **known,
    )
    hint = side_question(
        w,
        known,
        SLOW_MORE_ASK,
        SLOW_MORE_ANSWER,
        f"awk '$(NF-1)==500' {log} | wc -l",
        "The status is the field before the time; count 500 there.",
        str(failed),
    )
    return Case({log: ordered(lines)}, log, story, question, steps, answer, facts, (hint,))


SCENARIOS = (errors_after_release, slow_pages)
