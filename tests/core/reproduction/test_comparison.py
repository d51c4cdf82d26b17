"""Identical, equal or different: by fingerprints and by every prediction."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.errors import StateError
from regression_lifecycle.core.models.provenance import Difference
from regression_lifecycle.core.reproduction.comparison import (
    DIFFERENT,
    EQUAL,
    IDENTICAL,
    FittedVersion,
    ReproductionParameters,
    choose_version,
    compare_versions,
    measure_fit,
)
from tests.reproduction import PROBLEM, training_set

CHANGED = (Difference("numpy", "2.0", "2.1"),)


def compare(registered, reproduced, prints=("m", "m"), data=("d", "d"), tolerance=1e-9):
    sides = tuple(FittedVersion(*pair, {}) for pair in zip(prints, data, strict=True))
    table = pd.DataFrame({"registered": registered, "reproduced": reproduced}, dtype="float64")
    return compare_versions("4", sides, table, tolerance, CHANGED)


def test_the_same_model_is_identical():
    report = compare([1.0, -200.0], [1.0, -200.0])

    assert (report.verdict, report.n_different, report.max_difference) == (IDENTICAL, 0, 0.0)
    assert report.differences == CHANGED


def test_the_last_digit_is_enough_not_to_be_identical():
    report = compare([1.0, -200.0], [np.nextafter(1.0, 2), -200.0])

    assert (report.verdict, report.n_different) == (EQUAL, 1)
    assert report.max_difference == pytest.approx(2.2e-16, rel=0.01)


def test_another_fingerprint_is_not_identical():
    assert compare([1.0], [1.0], prints=("m", "other")).verdict == EQUAL


def test_rows_that_were_not_trained_on_are_different_whatever_is_predicted():
    assert compare([1.0], [1.0], data=("d", "other")).verdict == DIFFERENT


@pytest.mark.parametrize(("gap", "verdict"), [(0.19, EQUAL), (0.21, DIFFERENT)])
def test_the_tolerance_is_a_share_of_the_largest_prediction(gap, verdict):
    report = compare([1.0, -200.0], [1.0 + gap, -200.0], tolerance=0.001)

    assert (report.verdict, report.tolerance) == (verdict, pytest.approx(0.2))


def test_a_prediction_that_is_missing_is_different_and_stored_as_null():
    report = compare([1.0, np.nan], [np.nan, np.nan])

    assert (report.verdict, report.n_different) == (DIFFERENT, 1)
    assert json.loads(json.dumps(report.as_document(), allow_nan=False))["max_difference"] is None


def test_errors_are_those_on_the_training_rows():
    rows = training_set("2021-01-03")

    fit = measure_fit("m", "d", rows, rows["cnt"] + 2.0, PROBLEM)

    assert fit.metrics["rmse"] == pytest.approx(2.0)
    assert fit.metrics["n"] == 48


def test_the_champion_is_reproduced_unless_a_version_is_named():
    assert choose_version(None, "3") == "3"
    assert choose_version("1", "3") == "1"
    with pytest.raises(StateError, match="no champion to reproduce"):
        choose_version(None, "")


@pytest.mark.parametrize(("given", "read"), [(3, "3"), ("3", "3"), (None, None)])
def test_a_version_from_the_command_line_is_text(given, read):
    assert ReproductionParameters(version=given).version == read
