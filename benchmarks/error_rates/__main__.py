"""How often promotions, alarms and intervals are wrong, against what is stated of them.

Every part simulates worlds of its own, on the code that decides in production. Writes nothing.
Seeded, so the same command prints the same figures.
"""

from __future__ import annotations

import argparse
from importlib import import_module

PARTS = ("gate", "policy")


def main() -> None:
    """Print one table per part."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help="all of them if none is named")
    parser.add_argument("--short", action="store_true", help="fewer runs, for a quick look")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown part {sorted(unknown)[0]!r}; there are {', '.join(PARTS)}")
    for name in options.parts or PARTS:
        part = import_module(name)
        print(f"{(part.__doc__ or '').splitlines()[0]}\n")
        print(f"{'world':<34}{'claim':<30}{'stated':>10}{'measured':>10}{'+-':>10}")
        for rate in part.measure(short=options.short):
            print(rate, flush=True)
        print()


if __name__ == "__main__":
    main()
