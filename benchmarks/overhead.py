"""What Kedro and MLflow cost: CPU seconds of the project's commands beside those of plain ones.

Two pairs of commands are run in turn, A B A B, after a warm-up of each:

- ``run``: ``plain_script.py`` and ``kedro run``, which do the same fits, figures and reports.
- ``registry``: ``kedro --version`` and ``kedro registry list``, with the same plugins.

CPU is user plus system time of the process and of all it started and waited for. Everything
is written to a temporary folder, with a tracking database of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import tempfile
from pathlib import Path
from statistics import median

from project import KEDRO, RAW_TABLE, ROOT, cost_of, own_configuration, workspace, write_parameters

PLAIN_SCRIPT = ROOT / "benchmarks" / "plain_script.py"

WARM_UP = 1
MAXIMUM_RUN_RATIO = 2.0
MAXIMUM_REGISTRY_SECONDS = 1.0

PLAIN, RUN, FRESH = "plain script", "kedro run", "kedro run, fresh database"
VERSION, REGISTRY = "kedro --version", "kedro registry list"


def full_cycle(conf: Path) -> list[str]:
    """The command that runs the cycle with a configuration."""
    return [str(KEDRO), "run", f"--conf-source={conf}"]


def require_same_figures(plain: Path, reports: Path) -> None:
    """Refuse to compare two programs that do not come to the same figures.

    Args:
        plain: Result folder of the plain script.
        reports: Where the full cycle reports.

    Raises:
        SystemExit: If holdout metrics or drift scores differ.
    """
    mine = json.loads((plain / "holdout_metrics.json").read_text())
    theirs = json.loads((reports / "holdout_metrics.json").read_text())
    pairs = {
        f"{name} of the {model}": (value, theirs[model][name])
        for model, metrics in mine.items()
        for name, value in metrics.items()
    }
    my_drift, their_drift = (
        {row["column"]: row["score"] for row in rows}
        for rows in (
            json.loads((plain / "drift_verdict.json").read_text()),
            json.loads((reports / "drift_report" / "metrics.json").read_text())["drift"],
        )
    )
    pairs |= {f"drift of {name}": (my_drift[name], their_drift.get(name)) for name in my_drift}
    for what, (left, right) in pairs.items():
        # A document has no word for what is not a number.
        if right is None and math.isnan(left):
            continue
        if None in (left, right) or not math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12):
            raise SystemExit(f"not the same work: {what} is {left} and {right}")


def in_turn(commands: dict[str, list[str]], rounds: int, scratch: Path) -> dict[str, list[float]]:
    """Measure commands in turn, so that a busy machine is unfair to none of them.

    Args:
        commands: Commands by name.
        rounds: How often each is run.
        scratch: Folder for the output.

    Returns:
        CPU seconds by name, one per round.
    """
    found: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            found[name].append(cost_of(command, scratch / "output.log").cpu_seconds)
            print(f"{name}: {found[name][-1]:.2f} s", flush=True)
    return found


def measure_run(repeat: int, scratch: Path) -> bool:
    """Compare the full cycle with the plain script, and measure it once on a fresh database.

    Args:
        repeat: Rounds.
        scratch: Folder for everything that is written.

    Returns:
        Whether the cycle takes at most :data:`MAXIMUM_RUN_RATIO` times as long.
    """
    plain, cycle = scratch / "plain", own_configuration(scratch / "cycle")
    parameters = scratch / "parameters.json"
    write_parameters(parameters)
    commands = {
        PLAIN: [sys.executable, *map(str, (PLAIN_SCRIPT, plain, parameters, RAW_TABLE))],
        RUN: full_cycle(cycle),
    }
    in_turn(commands, WARM_UP, scratch)
    require_same_figures(plain, workspace(cycle) / "08_reporting")
    found = in_turn(commands, repeat, scratch)
    command = full_cycle(own_configuration(scratch / "fresh"))
    fresh = cost_of(command, scratch / "output.log").cpu_seconds
    show({**found, FRESH: [fresh]})
    base = found[PLAIN]
    low, middle = min(found[RUN]) / min(base), median(found[RUN]) / median(base)
    print(f"{RUN} / {PLAIN}: {low:.2f} (minima), {middle:.2f} (medians)")
    print(f"{FRESH} / {PLAIN}: {fresh / median(base):.2f}")
    worst = max(middle, fresh / median(base))
    return verdict(worst <= MAXIMUM_RUN_RATIO, f"at most {MAXIMUM_RUN_RATIO:g} times the CPU")


def measure_registry(repeat: int, scratch: Path) -> bool:
    """Compare the list of pipelines with the least that Kedro can be asked.

    Args:
        repeat: Rounds.
        scratch: Folder for the output.

    Returns:
        Whether it takes at most :data:`MAXIMUM_REGISTRY_SECONDS` more.
    """
    commands = {
        VERSION: [str(KEDRO), "--version"],
        REGISTRY: [str(KEDRO), "registry", "list"],
    }
    in_turn(commands, WARM_UP, scratch)
    found = in_turn(commands, repeat, scratch)
    show(found)
    low = min(found[REGISTRY]) - min(found[VERSION])
    middle = median(found[REGISTRY]) - median(found[VERSION])
    print(f"{REGISTRY} - {VERSION}: {low:+.2f} s (minima), {middle:+.2f} s (medians)")
    return verdict(
        middle <= MAXIMUM_REGISTRY_SECONDS, f"at most {MAXIMUM_REGISTRY_SECONDS:g} s more"
    )


def show(found: dict[str, list[float]]) -> None:
    """Print a table of CPU seconds.

    Args:
        found: Seconds by command.
    """
    print(f"\n{'command':<28}{'runs':>6}{'min s':>10}{'median s':>10}")
    for name, seconds in found.items():
        print(f"{name:<28}{len(seconds):>6}{min(seconds):>10.2f}{median(seconds):>10.2f}")


def verdict(kept: bool, limit: str) -> bool:
    """Print whether a limit was kept.

    Args:
        kept: Whether it was.
        limit: The limit in words.

    Returns:
        ``kept``.
    """
    print(f"{limit}: {'kept' if kept else 'MISSED'}\n")
    return kept


def main() -> int:
    """Measure what was asked for.

    Returns:
        0 if every limit was kept, 1 if not.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3, help="rounds after the warm-up")
    parser.add_argument("--what", choices=("run", "registry", "all"), default="all")
    options = parser.parse_args()
    if options.repeat < 1:
        parser.error("--repeat must be at least 1")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores\n")
    measures = {"registry": measure_registry, "run": measure_run}
    kept = []
    for name, measure in measures.items():
        if options.what in (name, "all"):
            with tempfile.TemporaryDirectory() as scratch:
                kept.append(measure(options.repeat, Path(scratch)))
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
