"""How different the tasks of the families are: near-duplicates and distinct openings.

    python benchmarks/families.py [--seeds 500] [--page docs/families.md] [FAMILY ...]

Prints a Markdown table, one row a family, or writes it as a page. Compared are opening, goals,
fixture and reference, names and numbers masked (`kappa_data.tasks.likeness`); exit code 1 where two
are near-duplicates, or openings come twice too often. `kappa-data tasks check FAMILY` also tries
tasks in boxes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kappa_data.tasks.catalog import families, select
from kappa_data.tasks.likeness import alike

FEWEST_OPENINGS = 0.95
HEAD = """# The families

What tasks there are; written by `python benchmarks/families.py`. Seeds are how many
tasks a family is good for. Up to 500 of them were compared with each other over opening, goals,
files and reference, names and numbers masked: a pair with a Jaccard similarity of 0.8 over word
5-grams counts as near-duplicates. What a task holds and how to add a family: [tasks.md](tasks.md).

"""


def main() -> None:
    known = families()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=500, help="compared, of each family")
    parser.add_argument("family", nargs="*")
    parser.add_argument("--page", type=Path, help="written instead")
    chosen = parser.parse_args()
    lines = [
        "| family | group | | seeds | compared | near-duplicates | distinct openings |",
        "|---|---|---|--:|--:|--:|--:|",
    ]
    short, total = [], 0
    for family in select(chosen.family, "family") or known.values():
        made = [family.make(seed) for seed in range(min(chosen.seeds, family.seeds))]
        found = alike(made)
        total += family.seeds
        lines.append(
            f"| `{family.name}` | {family.group} | {family.about} | {family.seeds:,} "
            f"| {found.tasks} | {len(found.near)} | {100 * found.distinct_openings:.1f} % |"
        )
        if found.near or found.distinct_openings < FEWEST_OPENINGS:
            short.append(family.name)
    lines += ["", f"{len(chosen.family) or len(known)} families, {total:,} seeds."]
    text = "\n".join(lines) + "\n"
    if chosen.page:
        chosen.page.write_text(HEAD + text, encoding="utf-8")
    else:
        print(text)
    if short:
        sys.exit(f"short of the bar: {', '.join(short)}")


if __name__ == "__main__":
    main()
