"""How different the tasks of the families are: near-duplicates and distinct openings.

    python benchmarks/families.py [--seeds 500] [FAMILY ...]

Prints a Markdown table, one row a family. Compared are opening, goals, fixture and reference, names
and numbers masked (`kappa_data.tasks.likeness`); exit code 1 where two are near-duplicates, or
openings come twice too often. `kappa-data tasks check FAMILY` also tries tasks in boxes.
"""

from __future__ import annotations

import argparse
import sys
import time

from kappa_data.tasks.catalog import families
from kappa_data.tasks.likeness import alike

FEWEST_OPENINGS = 0.95


def main() -> None:
    known = families()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=500, help="compared, of each family")
    parser.add_argument("family", nargs="*", choices=[[], *known], default=list(known))
    chosen = parser.parse_args()
    print("| family | group | seeds | compared | near-duplicates | distinct openings | CPU s |")
    print("|---|---|---|---|---|---|---|")
    short, total = [], 0
    for name in chosen.family:
        family, start = known[name], time.process_time()
        made = [family.make(seed) for seed in range(min(chosen.seeds, family.seeds))]
        found = alike(made)
        total += family.seeds
        print(
            f"| {name} | {family.group} | {family.seeds:,} | {found.tasks} | {len(found.near)} "
            f"| {100 * found.distinct_openings:.1f} % | {time.process_time() - start:.1f} |",
            flush=True,
        )
        if found.near or found.distinct_openings < FEWEST_OPENINGS:
            short.append(name)
    print(f"\n{len(chosen.family)} families, {total:,} seeds")
    if short:
        sys.exit(f"short of the bar: {', '.join(short)}")


if __name__ == "__main__":
    main()
