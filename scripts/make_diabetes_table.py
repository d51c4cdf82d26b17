"""Make ``data/01_raw/diabetes.csv`` from the copy of the diabetes data that scikit-learn brings.

The rows have no time and stand in the order of scikit-learn. It is the table of ``conf/diabetes``.

    python scripts/make_diabetes_table.py [--output PATH]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

RAW = Path(__file__).resolve().parents[1] / "data" / "01_raw"
NAMES = {
    "s1": "cholesterol",
    "s2": "ldl",
    "s3": "hdl",
    "s4": "cholesterol_to_hdl",
    "s5": "log_triglycerides",
    "s6": "glucose",
    "target": "progression",
}


def load_patients() -> pd.DataFrame:
    """Load the table that scikit-learn brings, in its original units.

    Returns:
        One row per patient: age, sex, body measures, six of the blood, and the target.
    """
    from sklearn.datasets import load_diabetes

    table: pd.DataFrame = load_diabetes(as_frame=True, scaled=False).frame.rename(columns=NAMES)
    return table.astype(dict.fromkeys(("age", "sex", "progression"), "int64"))


def main(arguments: list[str] | None = None) -> int:
    """Write the table.

    Args:
        arguments: Command line; that of the process by default.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description="Make the table of diabetes patients.")
    parser.add_argument("--output", type=Path, default=RAW / "diabetes.csv")
    options = parser.parse_args(arguments)
    table = load_patients()
    table.to_csv(options.output, index=False, lineterminator="\n")
    print(f"{len(table)} patients: {options.output}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
