"""How often promotions, alarms and intervals are wrong, against what is stated of them.

Every part simulates worlds of its own, on the code that decides in production. Seeded, so the same
command prints the same figures.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from rates import Rate

PARTS = ("gate", "policy", "level", "interval", "drift")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "error-rates.md"
HEADS = ("world", "what is measured", "stated", "measured", "±")


def main() -> None:
    """Print one table per part, and write it into the page of the docs if that is asked for."""
    parser = argparse.ArgumentParser(
        prog="error_rates", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="all of them if none is named")
    parser.add_argument("--short", action="store_true", help="fewer runs, for a quick look")
    parser.add_argument("--write", action="store_true", help=f"write the tables of {PAGE.name}")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown part {sorted(unknown)[0]!r}; there are {', '.join(PARTS)}")
    if options.write and options.short:
        parser.error("the page holds the figures of the long form; leave out --short")
    for name in options.parts or PARTS:
        part = import_module(name)
        print(f"{(part.__doc__ or '').splitlines()[0]}\n")
        print(f"{HEADS[0]:<34}{HEADS[1]:<34}" + "".join(f"{head:>10}" for head in HEADS[2:]))
        rates = []
        for rate in part.measure(short=options.short):
            print(f"{rate.world:<34}{rate.claim:<34}" + "".join(f"{c:>10}" for c in rate.cells))
            rates.append(rate)
        print(flush=True)
        if options.write:
            write(name, rates)


def write(part: str, rates: Iterable[Rate]) -> None:
    """Write the table of a part between its marks on the page."""
    lines = [
        f"| {' | '.join(HEADS)} |",
        "| --- | --- | --: | --: | --: |",
        *(f"| {rate.world} | {rate.claim} | {' | '.join(rate.cells)} |" for rate in rates),
    ]
    text = PAGE.read_text()
    block = re.compile(rf"(<!-- rates: {part} -->\n).*?(<!-- end -->)", re.DOTALL)
    table = "\n".join(lines)
    made, found = block.subn(lambda match: f"{match[1]}\n{table}\n\n{match[2]}", text)
    if not found:
        raise SystemExit(f"{PAGE.name} has no place for the part {part!r}")
    PAGE.write_text(made)


if __name__ == "__main__":
    main()
