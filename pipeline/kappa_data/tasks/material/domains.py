"""Made-up businesses with one transaction table each, for the data families."""

from __future__ import annotations

import random
from datetime import date, timedelta

from msgspec import Struct

FIRST = [
    "Ada",
    "Bruno",
    "Carla",
    "Deniz",
    "Elif",
    "Farid",
    "Greta",
    "Hugo",
    "Iris",
    "Jana",
    "Kofi",
    "Lena",
    "Marek",
    "Nadia",
    "Oscar",
    "Paula",
    "Quinn",
    "Rosa",
    "Samir",
    "Tilda",
    "Uwe",
    "Vera",
    "Wanda",
    "Xenia",
    "Yusuf",
    "Zoe",
]
LAST = [
    "Almeida",
    "Bauer",
    "Castell",
    "Dorn",
    "Eriksen",
    "Fontaine",
    "Grasso",
    "Hartog",
    "Ivanova",
    "Jansen",
    "Keller",
    "Lindqvist",
    "Moreau",
    "Novak",
    "Okafor",
    "Petrov",
    "Quist",
    "Romano",
    "Sato",
    "Tanaka",
    "Ueda",
    "Varga",
    "Weiss",
    "Young",
    "Zeman",
]


class Domain(Struct, frozen=True):
    """Names of the columns and values; `low`..`high` is the amount in hundredths."""

    story: tuple[str, ...]
    thing: str
    things: str
    key: str
    prefix: str
    when: str
    group: str
    groups: tuple[str, ...]
    item: str
    items: tuple[str, ...]
    count: str
    amount: str
    unit: str
    low: int
    high: int
    person: str


class Record(Struct, frozen=True):
    """One transaction; `cents` is the amount in hundredths of the domain's unit."""

    key: str
    day: date
    group: str
    item: str
    count: int
    cents: int
    person: str


def _domain(
    story: str, thing: str, columns: str, groups: str, items: str, money: tuple[str, int, int]
) -> Domain:
    things, key, prefix, when, group, item, count, amount, person = columns.split()
    return Domain(
        story=tuple(story.split(" | ")),
        thing=thing,
        things=things,
        key=key,
        prefix=prefix,
        when=when,
        group=group,
        groups=tuple(groups.split(", ")),
        item=item,
        items=tuple(items.split(", ")),
        count=count,
        amount=amount,
        unit=money[0],
        low=money[1],
        high=money[2],
        person=person,
    )


DOMAINS = (
    _domain(
        "We run six bike shops and the till exports one line per sale. | "
        "I do the books for a small chain of bicycle shops.",
        "sale",
        "sales sale_id S sold_on store product units revenue customer",
        "Harbour, Mill Lane, Station, Old Town, Riverside, Northgate",
        "helmet, city bike, trail bike, lock, pump, panniers, child seat, lights",
        ("EUR", 900, 129900),
    ),
    _domain(
        "Our city library keeps a record of every loan. | "
        "I volunteer at the library and the annual figures are due.",
        "loan",
        "loans loan_id L borrowed_on branch genre days fine reader",
        "Central, Eastfield, Harbourside, Westend, Hilltop, Parkview",
        "crime, science, history, travel, poetry, comics, cooking, biography",
        ("EUR", 0, 1850),
    ),
    _domain(
        "I manage the depots of a parcel carrier. | The carrier sends us a shipment log each "
        "month.",
        "shipment",
        "shipments shipment_id P shipped_on depot service parcels cost sender",
        "Leeds, Ghent, Porto, Graz, Malmo, Turin",
        "express, economy, freight, same-day, pallet, returns, night, document",
        ("EUR", 450, 48000),
    ),
    _domain(
        "Our clinic exports its appointments from the booking system. | "
        "I look after the numbers of a group of physiotherapy practices.",
        "visit",
        "visits visit_id V seen_on practice treatment minutes fee patient",
        "Birch Road, Canal Street, Lakeside, Meadow, Queens, Summit",
        "massage, ultrasound, exercise, assessment, taping, traction, hydrotherapy, review",
        ("EUR", 1500, 14500),
    ),
    _domain(
        "We meter the electricity of several buildings on the campus. | "
        "Facilities gave me a dump of the sub-meters.",
        "reading",
        "readings reading_id R read_on building circuit samples kwh technician",
        "Physics, Chemistry, Library, Sports Hall, Canteen, Workshop",
        "lighting, heating, cooling, lifts, sockets, servers, kitchen, pumps",
        ("kWh", 350, 98000),
    ),
    _domain(
        "I run the kitchen side of a catering company. | Each line is one order of our caterer.",
        "order",
        "orders order_id K ordered_on kitchen dish portions total client",
        "North Pier, South Dock, Market, Airport, Town Hall, Expo",
        "lasagne, ramen, salad bowl, curry, tacos, soup, paella, quiche",
        ("EUR", 1200, 92000),
    ),
    _domain(
        "Our support desk exports closed tickets once a week. | "
        "I lead a helpdesk and want figures that I can trust.",
        "ticket",
        "tickets ticket_id T closed_on team category replies hours requester",
        "Accounts, Devices, Network, Printing, Access, Mobile",
        "password, hardware, license, outage, request, training, email, storage",
        ("hours", 25, 4200),
    ),
    _domain(
        "I freelance and track my invoices by hand. | "
        "The office of our consultancy keeps one list of invoices.",
        "invoice",
        "invoices invoice_id F issued_on department service quantity net contact",
        "Design, Legal, Research, Operations, Marketing, Training",
        "workshop, audit, report, prototype, retainer, review, translation, survey",
        ("EUR", 8000, 640000),
    ),
    _domain(
        "The rangers count what the trail cameras and traps bring in. | "
        "I coordinate volunteers who weigh collected litter in a nature park.",
        "pickup",
        "pickups pickup_id N picked_on sector material bags kg volunteer",
        "Dunes, Fen, Oak Ridge, Quarry, Delta, Heath",
        "plastic, glass, metal, paper, textile, rubber, wood, mixed",
        ("kg", 40, 6500),
    ),
    _domain(
        "Our theatre sells through five box offices and a web page. | "
        "I reconcile the box office figures of a small theatre.",
        "booking",
        "bookings booking_id B booked_on office show seats paid guest",
        "Web, Foyer, Kiosk, Phone, Tourist Office, Partner",
        "Hamlet, Tosca, Cabaret, Medea, Evita, Faust, Carmen, Amadeus",
        ("EUR", 1100, 42000),
    ),
)


def records(
    rng: random.Random, domain: Domain, n: int, *, groups: int = 0, items: int = 0
) -> list[Record]:
    """`n` transactions over about four months, in order of key; few groups and items if asked."""
    chosen = rng.sample(domain.groups, groups or rng.randint(3, 6))
    sold = rng.sample(domain.items, items or rng.randint(4, 8))
    first = date(rng.randint(2021, 2025), rng.randint(1, 9), 1)
    base = rng.randint(100, 7000)
    people = [f"{rng.choice(FIRST)} {rng.choice(LAST)}" for _ in range(max(6, n // 3))]
    weights = [rng.uniform(0.5, 2.0) for _ in chosen]
    return [
        Record(
            key=f"{domain.prefix}{base + i:05d}",
            day=first + timedelta(days=rng.randint(0, 118)),
            group=rng.choices(chosen, weights)[0],
            item=rng.choice(sold),
            count=rng.randint(1, 30),
            cents=rng.randint(domain.low, domain.high),
            person=rng.choice(people),
        )
        for i in range(n)
    ]
