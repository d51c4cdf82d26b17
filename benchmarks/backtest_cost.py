"""What the backtest costs besides the fits of its models, in CPU seconds.

- ``fits``: the configured policy alone, without the bound of hindsight, as a multiple of the fits
  that it asked for.
- ``windows``: one model serves all windows, with errors and drift of each and no page, and in
  turn the first of them alone. The difference is what the others cost, predictions included; the
  start of Kedro and MLflow, the features and the fit are in both.

CPU is user plus system time of `kedro run` and of all it started. Everything is written to a
temporary folder, with a tracking database of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

import pandas as pd

from overhead import full_cycle, verdict
from project import cost_of, own_configuration, read_sections, workspace

MAXIMUM_RATIO = 3.0
MAXIMUM_SECONDS = 15.0
# End of the first window.
ONE_WINDOW = "2011-02-05"


def backtest(kind: str, scratch: Path, end: str | None = None) -> tuple[float, float]:
    """Replay the past with one policy, and print what came out.

    Args:
        kind: The policy's kind, which is also its name.
        scratch: A folder for everything that is written.
        end: Moment before which the last window begins; None for the end of the table.

    Returns:
        CPU seconds of the whole command, and of the fits in it.
    """
    conf = own_configuration(Path(tempfile.mkdtemp(dir=scratch)))
    others = {name: None for name in read_sections()["backtest"].policies if name != kind}
    changes = {"oracle": False, "end": end, "policies": others}
    (conf / "local" / "parameters.yml").write_text(json.dumps({"backtest": changes}))
    command = [*full_cycle(conf), "--pipelines=backtest"]
    total = cost_of(command, scratch / "output.log").cpu_seconds
    row = pd.read_csv(workspace(conf) / "08_reporting" / "backtest_summary.csv").iloc[0]
    fits = float(row["fit_cpu_seconds"])
    print(
        f"{kind}: {row['n_windows']} windows, {row['retrains'] + 1:g} models, RMSE "
        f"{row['rmse']:.2f}; {total:.1f} s, of which fits {fits:.1f} s",
        flush=True,
    )
    return total, fits


def measure_fits(scratch: Path) -> bool:
    """Hold a policy's whole command against its fits.

    Args:
        scratch: A folder for everything that is written.

    Returns:
        Whether it takes at most :data:`MAXIMUM_RATIO` times as long.
    """
    total, fits = backtest("configured", scratch)
    print(f"{total / fits:.2f} times the fits")
    return verdict(total <= MAXIMUM_RATIO * fits, f"at most {MAXIMUM_RATIO:g} times the fits")


def measure_windows(scratch: Path) -> bool:
    """Find out what windows cost that need no fit.

    Args:
        scratch: A folder for everything that is written.

    Returns:
        Whether it is at most :data:`MAXIMUM_SECONDS`.
    """
    one, _ = backtest("never", scratch, ONE_WINDOW)
    everything, _ = backtest("never", scratch)
    print(f"{everything - one:.1f} s for the other windows")
    return verdict(everything - one <= MAXIMUM_SECONDS, f"at most {MAXIMUM_SECONDS:g} s")


def main() -> int:
    """Measure what was asked for.

    Returns:
        0 if every limit was kept, 1 if not.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--what", choices=("fits", "windows", "all"), default="all")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores\n")
    measures = {"windows": measure_windows, "fits": measure_fits}
    kept = []
    for name, measure in measures.items():
        if options.what in (name, "all"):
            with tempfile.TemporaryDirectory() as scratch:
                kept.append(measure(Path(scratch)))
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
