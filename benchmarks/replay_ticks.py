"""The loop over the two years of the bike table: one `kedro tick` each week, 102 of them.

It draws the picture of the README. What was done before is not done again, so a replay that was
stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from project import ROOT, own_configuration, workspace

FIRST, LAST = "2011-01-29", "2013-01-05"


def what_was_served(conf: Path) -> str:
    """Sum up the history.

    Args:
        conf: Its configuration folder.

    Returns:
        Windows, rows, RMSE of the deployed model and of the baseline, and champions, in a line.
    """
    with KedroSession.create(ROOT, conf_source=str(conf)) as session:
        catalog = session.load_context().catalog
        windows, ledger = catalog.load("window_history"), catalog.load("ledger")
    judged = windows[windows["rmse"].notna()]
    rows = judged["n_labelled"]
    model, baseline = (
        np.sqrt((judged[name] ** 2 * rows).sum() / rows.sum()) for name in ("rmse", "baseline_rmse")
    )
    promoted = (ledger["kind"].eq("promotion") & ledger["decision"].eq("promote")).sum()
    return (
        f"{len(judged)} windows, {int(rows.sum()):,} rows, RMSE {model:.2f}, "
        f"baseline {baseline:.2f}, {promoted} champions"
    )


def main() -> int:
    """Replay what was asked for.

    Returns:
        0; a tick that fails ends the replay with its error.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where everything is written")
    parser.add_argument("--first", default=FIRST, help="moment of the first tick")
    parser.add_argument("--last", default=LAST, help="no tick after this moment")
    options = parser.parse_args()
    bootstrap_project(ROOT)
    from regression_lifecycle.runtime.tick import EXIT_CODES, run_tick

    conf = own_configuration(options.folder)
    for moment in pd.date_range(options.first, options.last, freq="7D"):
        begun = time.process_time()
        as_of = f"{moment:%Y-%m-%d}"
        code = run_tick(ROOT, None, {"as_of": as_of}, conf_source=str(conf))
        seconds = time.process_time() - begun
        print(f"tick {as_of}: {EXIT_CODES[code]}, {seconds:.1f} s of CPU", flush=True)
    with KedroSession.create(ROOT, conf_source=str(conf)) as session:
        session.run(pipeline_names=["picture"])
    print(what_was_served(conf))
    print(f"Picture {workspace(conf) / '08_reporting' / 'error_by_window.png'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
