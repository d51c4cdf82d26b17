"""Figures of error: weighted, and of a quantile its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.adapters.evidently import ColumnRoles
from regression_lifecycle.adapters.evidently.results import (
    counted,
    error_figures,
    error_headline,
    error_results,
)

ROWS = pd.DataFrame({"cnt": [10.0, 20.0, 30.0], "prediction": [13.0, 19.0, 30.0]})
TABLE = ROWS.assign(w=[2.0, 1.0, 0.0])


def roles(**more: object) -> ColumnRoles:
    return ColumnRoles(target="cnt", prediction="prediction", **more)  # type: ignore[arg-type]


def test_a_whole_weight_is_the_row_so_often_and_0_leaves_it_out() -> None:
    weighted = roles(weight="w")

    rows = counted(ROWS, TABLE, weighted)
    figures = error_figures(rows, weighted)

    expected = error_figures(ROWS.iloc[[0, 0, 1]], roles())
    for name in ("rmse", "mae", "mean_error", "largest_error", "r2", "bias"):
        assert figures[name] == pytest.approx(expected[name]), name
    assert counted(ROWS, ROWS, weighted) is ROWS


def test_a_quantile_is_headed_by_its_loss() -> None:
    figures = error_figures(ROWS, roles(quantile=0.9))

    # 3 too high, 1 too low.
    assert figures["pinball"] == pytest.approx((0.3 + 0.9) / 3)
    assert "bias" not in figures
    assert list(error_headline(figures)) == ["Pinball loss", "Share at or below", "MAE"]
    kinds = {type(metric).__name__ for metric, _ in error_results(figures)}
    assert kinds == {"MAE", "AbsMaxError"}
    assert "RMSE" in {type(m).__name__ for m, _ in error_results(error_figures(ROWS, roles()))}
    assert np.isfinite(list(figures.values())).all()


def test_large_figures_are_written_out() -> None:
    figures = {"rmse": 22671.81, "mae": 999.96, "mean_error": -1161.2}
    assert error_headline(figures) == {"RMSE": "22,672", "MAE": "1000", "Mean error": "-1,161"}
    assert error_headline(figures, "Reference")["Reference RMSE"] == "22,672"
