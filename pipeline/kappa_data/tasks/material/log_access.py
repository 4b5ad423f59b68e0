"""Log scenarios about traces: a guessed password, ids that get lost."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from kappa_data.tasks.material.logs import (
    HOSTS,
    SERVICES,
    USERS,
    Case,
    first_look,
    ordered,
    side_question,
    stamp,
    start,
)
from kappa_data.tasks.steps import bash
from kappa_data.tasks.wording import Wording, listed

GUESSED_STORY = (
    "The monitoring reports failed logins on {host}; the log is {log}.",
    "I am worried about {host}: <strange|odd> things in {log}.",
)
GUESSED_QUESTION = (
    "Which address has the most failed passwords, how many, and did it get in <in the end|at "
    "last>? If so: as which user, and when?",
    "Tell me the address with the most failures, the number of its failures, and the user and "
    "time of its successful login, if there is one.",
)
GUESSED_ANSWER = (
    "{address} failed {failures} times, far more than all others together ({rest}). And it did "
    "get in: at {time} the log has an accepted password for {user}. <I would lock that account "
    "and end its sessions first|The account {user} should be locked first>, then look at what "
    "was done on {host} after that time.",
    "The address is {address}, with {failures} failed passwords over {tried} user names. It "
    "succeeded at {time} as {user}, by password, <while|whereas> the regular logins all use a "
    "key. Treat {user} on {host} as taken over: <new password, sessions ended, keys checked|end "
    "its sessions, change the password, check its keys>.",
)
GUESSED_MORE_ASK = (
    "How many different user names did {address} try?",
    "Against how many different accounts did {address} fail?",
)
GUESSED_MORE_ANSWER = (
    "{address} failed with {tried} different user names. That is a count of distinct names in "
    "its failed lines, so each name counts once however often it was tried. <All of them exist "
    "elsewhere in the log|They are names of real people here>, which suggests that somebody had "
    "a list of the accounts on {host}.",
    "It tried {tried} different names, each of them counted once. Together they make the "
    "{failures} failed attempts from {address}, so every account was tried several times on "
    "average. <The accepted login of {user} is not part of that|{user} got in by an accepted "
    "login, which is not among these>, since only failed lines were counted.",
)


def guessed_password(w: Wording) -> Case:
    """Many failed logins from one address, and one that works."""
    log = w.pick(("auth.log", "logs/auth.log", "sshd.log", "secure.log"))
    host = w.pick(HOSTS)
    addresses = [
        f"{w.rng.randrange(11, 200)}.{w.rng.randrange(255)}.{n * 40 + 9}.{w.rng.randrange(2, 254)}"
        for n in range(5)
    ]
    bad, user = addresses[0], w.pick(USERS)
    at, lines = start(w), []
    counts: Counter[str] = Counter()
    tried = set()
    for _ in range(w.rng.randrange(90, 180)):
        at += timedelta(seconds=w.rng.randrange(2, 50))
        source = bad if w.chance(0.55) else w.pick(addresses[1:])
        name = w.pick(USERS)
        if source == bad or w.chance(0.15):
            counts[source] += 1
            if source == bad:
                tried.add(name)
            text = f"Failed password for {name} from {source} port {w.rng.randrange(2000, 60000)}"
        else:
            text = (
                f"Accepted publickey for {name} from {source} port {w.rng.randrange(2000, 60000)}"
            )
        lines.append((at, f"{stamp(at)} {host} sshd: {text}"))
    broke_in = stamp(at := at + timedelta(seconds=w.rng.randrange(2, 50)))
    lines.append(
        (at, f"{stamp(at)} {host} sshd: Accepted password for {user} from {bad} port 41022")
    )
    for _ in range(w.rng.randrange(5, 15)):
        at += timedelta(seconds=w.rng.randrange(20, 90))
        source = w.pick(addresses[1:])
        lines.append(
            (
                at,
                f"{stamp(at)} {host} sshd: Accepted publickey for {w.pick(USERS)} from {source} "
                f"port 50100",
            )
        )
    facts = {"address": bad, "failures": str(counts[bad]), "user": user, "time": broke_in}
    known = {
        **facts,
        "log": log,
        "host": host,
        "rest": sum(counts.values()) - counts[bad],
        "tried": len(tried),
    }
    story = w.say(
        GUESSED_STORY,
        **known,
    )
    question = w.say(GUESSED_QUESTION)
    steps = (
        *first_look(w, log, "failed passwords by address"),
        bash(
            f"grep 'Failed password' {log} | grep -oE 'from [0-9.]+' | sort | uniq -c | sort -rn "
            f"| head",
            w.say("Failed passwords by address<, most first|>.", **known),
        ),
        bash(
            f"grep 'Accepted' {log} | grep -F '{bad} '; grep -c 'Failed password.*{bad} ' {log}",
            w.say("{address} leads with {failures}. Is there an accepted login from it?", **known),
        ),
    )
    answer = w.say(
        GUESSED_ANSWER,
        **known,
    )
    hint = side_question(
        w,
        known,
        GUESSED_MORE_ASK,
        GUESSED_MORE_ANSWER,
        f"grep 'Failed password.*{bad} ' {log} | awk '{{print $7}}' | sort -u | wc -l",
        "Distinct names in the failed lines of {address}.",
        str(len(tried)),
    )
    return Case({log: ordered(lines)}, log, story, question, steps, answer, facts, (hint,))


LOST_STORY = (
    "Some {word}s of our {service} service never finish. {front} has what was accepted, {back} "
    "what was done.",
    "In {service}, {word}s <get lost|disappear> between {front} (accepted) and {back} (finished).",
)
LOST_QUESTION = (
    "Which {word} ids were accepted but never finished? <Give me all of them|All ids>, their "
    "number, and how many were accepted in total.",
    "Please list every {word} id without a finished line, say how many that is, and how many "
    "were accepted altogether.",
)
LOST_ANSWER = (
    "{lost} of {accepted} {word}s were accepted and never finished: {names}. I compared the ids "
    "of the accepted lines in {front} with those of the finished lines in {back}. <The first in "
    "alphabetical order is {lost_id}|Sorted by id, {lost_id} comes first>; they are spread over "
    "the whole time, <so no single outage explains them|not bunched at one moment>.",
    "Without a finished line in {back} are: {names}. That makes {lost}, out of {accepted} that "
    "{front} accepted. {picked} of them <were at least picked up|do show up in {back} as picked "
    "up> and then stopped, the others have no line in {back} at all, so there <are|may be> two "
    "different causes in {service}.",
)
LOST_MORE_ASK = (
    "How many of the lost {word}s were picked up at all?",
    "Of the ones that never finished: how many does {back} show as picked up?",
)
LOST_MORE_ANSWER = (
    "{picked} of the {lost} were picked up (ids: {picked_names}). The others do not occur in "
    "{back} at all, so those were lost on the way between {front} and {back}, while the "
    "picked-up ones must have stopped inside the worker. <These are two places to look|That "
    "gives two places to look>.",
    "{back} has a picked-up line for {picked} of the {lost} lost {word}s: {picked_names}. For "
    "the rest there is no line whatsoever. So one part <died|was lost> during the work, and the "
    "other never reached {service}'s worker; the log alone does not say why.",
)


def lost_requests(w: Wording) -> Case:
    """Ids that the first log has and the second lacks."""
    front, back = w.pick(
        (("gateway.log", "worker.log"), ("in.log", "out.log"), ("front/front.log", "back/back.log"))
    )
    service = w.pick(SERVICES)
    word = w.pick(("job", "request", "task", "order"))
    at = start(w)
    one, two, ids = [], [], []
    for _ in range(w.rng.randrange(60, 120)):
        at += timedelta(seconds=w.rng.randrange(2, 30))
        name = f"{word[0]}{w.rng.randrange(16**5):05x}"
        if name in ids:
            continue
        ids.append(name)
        one.append((at, f"{stamp(at)} accepted {word}={name} size={w.rng.randrange(1, 900)}"))
    lost = sorted(w.some(ids[5:-5], w.rng.randrange(3, 8)))
    for when, line in one:
        name = line.partition(f"{word}=")[2].split()[0]
        done = when + timedelta(seconds=w.rng.randrange(1, 50))
        if name not in lost:
            two.append(
                (done, f"{stamp(done)} finished {word}={name} in {w.rng.randrange(20, 900)} ms")
            )
        elif name == lost[0] or (name != lost[1] and w.chance(0.5)):
            two.append((done, f"{stamp(done)} picked up {word}={name}"))
    picked = sorted(line.partition(f"{word}=")[2] for _, line in two if "picked up" in line)
    facts = {"lost_id": lost[0], "lost": str(len(lost)), "accepted": str(len(ids))}
    known = {
        **facts,
        "front": front,
        "back": back,
        "word": word,
        "service": service,
        "names": listed(lost),
        "picked": len(picked),
        "picked_names": listed(picked) or "none",
    }
    story = w.say(
        LOST_STORY,
        **known,
    )
    question = w.say(
        LOST_QUESTION,
        **known,
    )
    sets = (
        f"comm -23 <(grep accepted {front} | grep -o '{word}=[^ ]*' | sort) "
        f"<(grep finished {back} | grep -o '{word}=[^ ]*' | sort) | nl"
    )
    steps = (
        *first_look(w, front, f"{word} ids"),
        bash(
            f"head -n 5 {back}; cut -d' ' -f3 {back} | sort | uniq -c",
            "The same for the other log.",
        ),
        bash(
            f"grep -c accepted {front}; {sets}",
            w.say(
                "The ids in {front} without a finished line in {back}: compare sorted lists.",
                **known,
            ),
        ),
    )
    answer = w.say(
        LOST_ANSWER,
        **known,
    )
    hint = side_question(
        w,
        known,
        LOST_MORE_ASK,
        LOST_MORE_ANSWER,
        f"grep 'picked up' {back}; grep -c 'picked up' {back}",
        "Look for picked-up lines of the lost {word}s in {back}.",
        str(len(picked)),
    )
    files = {front: ordered(one), back: ordered(two)}
    return Case(files, front, story, question, steps, answer, facts, (hint,), tuple(lost))


SCENARIOS = (guessed_password, lost_requests)
