"""Names and general words of the long documents."""

from __future__ import annotations

from kappa_data.tasks.wording import Wording

_FIRST = (
    "Ada Agnes Albert Alma Amos Anselm Arthur Astrid Barnaby Beatrix Bertram Cecily Clara Clement "
    "Conrad Cora Cyril Daphne Desmond Dora Edgar Edith Elias Eliza Emil Enid Ernest Esther Fergus "
    "Flora Frances Gilbert Greta Harriet Hazel Hector Hilda Horace Hugo Ida Ingrid Iris Isaac Ivo "
    "Jasper Josephine Judith Julius Laura Leopold Lionel Lydia Mabel Magnus Marian Martha Maurice "
    "Mildred Miriam Nathan Nora Norman Olive Oscar Otto Percy Philippa Ralph Reuben Rosa Rufus Ruth "
    "Samuel Selma Sidney Silas Sybil Tobias Ursula Vera Victor Viola Walter Wilfred Winifred"
).split()
_LAST = (
    "Abney Ackroyd Alder Ansty Arkell Ashby Aylmer Babbage Bannister Barlow Beckett Bellamy Birch "
    "Blakely Bowden Bracken Brindley Burgoyne Caldwell Carrow Chandos Clavering Coldwell Crabtree "
    "Cresswell Dacre Danvers Denholm Dunmore Eccles Elgood Fairley Farrow Fenwick Garland Gathercole "
    "Goodall Grimshaw Hallam Harcastle Haskell Hebden Holloway Hurst Ingleby Jessop Kellaway Kenward "
    "Kirkby Lacey Lamport Langdale Larkin Lockwood Loxley Mallory Marchbanks Merrick Mordaunt Nettle "
    "Norbury Oakes Orchardson Osgood Paxton Pembury Penhallow Pilling Quarles Radcliffe Rainford "
    "Ravenhill Redfern Rooke Rushworth Sallow Scrivener Selwyn Shadwell Skelton Stannard Sturgess "
    "Swinburne Tallis Tarrant Thackray Thorne Tilbury Trevelyan Tunstall Underhill Varley Wadham "
    "Wainfleet Waverley Wetherby Whitlock Winslow Wragg Yarrow Yelland"
).split()
TOWNS = (
    "Aldermere",
    "Brackenford",
    "Coldharbour",
    "Dunwick",
    "Eastleigh",
    "Farnholt",
    "Greshamvale",
    "Hallowby",
    "Inverlow",
    "Kelmarsh",
    "Lowick",
    "Marlsea",
    "Netherby",
    "Oxenhall",
    "Penrose",
    "Quarrendon",
    "Ravensworth",
    "Saltmere",
    "Thornbury",
    "Upperton",
    "Wexcombe",
)
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
FEW = ("two", "three", "four", "five", "six")
WEATHER = (
    "steady rain",
    "a dry east wind",
    "thick fog until noon",
    "the first frost of the year",
    "bright sunshine",
    "sleet and low cloud",
    "an unusual heat",
    "a sudden thaw",
    "light snow from the north",
    "thunder in the evening",
    "a gale from the west",
    "mild and still weather",
)
ADJECTIVES = ("plain", "heavy", "handsome", "repaired", "rare", "well-made", "battered", "late")


def people(w: Wording, count: int) -> list[str]:
    """`count` full names; no first or last name comes twice."""
    firsts, lasts = w.some(_FIRST, count), w.some(_LAST, count)
    return [f"{first} {last}" for first, last in zip(firsts, lasts, strict=True)]
