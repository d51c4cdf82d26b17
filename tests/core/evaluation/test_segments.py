"""The segment in which a candidate is worst, and what chance says of it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.evaluation.segments import find_worst_segment

HOURS, WEEKS = 24, 26


def losses_of(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Squared errors of two models that are equally good, one row for each hour and week."""
    random = np.random.default_rng(seed)
    n = HOURS * WEEKS
    errors = random.normal(size=n) + random.normal(0, 0.5, (2, n))
    losses = pd.DataFrame({"candidate": errors[0] ** 2, "other": errors[1] ** 2})
    losses["block"] = np.repeat(np.arange(WEEKS), HOURS)
    return losses, pd.DataFrame({"hr": np.tile(np.arange(HOURS), WEEKS)})


def worst_of(losses: pd.DataFrame, rows: pd.DataFrame, minimum_blocks: int = 5):
    return find_worst_segment(losses, rows, list(rows.columns), minimum_blocks, 2)


def test_an_equal_candidate_is_refused_as_rarely_as_stated() -> None:
    worst = [worst_of(*losses_of(seed)) for seed in range(150)]

    corrected = np.mean([one.p_value < 0.05 for one in worst])
    alone = np.mean([one.p_value / one.n_segments < 0.05 for one in worst])
    assert {one.n_segments for one in worst} == {HOURS}
    assert corrected < 0.1
    # What would be refused if every hour were tested at 5 %: 1 - 0.95^24 is 71 %.
    assert alone > 0.6


def test_the_hour_that_became_worse_is_named() -> None:
    losses, rows = losses_of(0)
    losses.loc[rows["hr"] == 8, "candidate"] = 4 * losses["other"]

    worst = worst_of(losses, rows)

    assert worst.name == "hr=8"
    assert worst.p_value < 0.05
    assert worst.increase == pytest.approx(1.0)


def test_segments_with_few_blocks_are_not_tested_and_do_not_count() -> None:
    losses, rows = losses_of(0)
    rows = rows.assign(sky=np.where(rows.index < 4 * HOURS, "storm", None))
    losses.loc[rows["sky"] == "storm", "candidate"] += 100

    worst = worst_of(losses, rows[["sky"]])
    assert (worst.name, worst.n_segments) == ("sky=missing", 1)
    few = worst_of(losses, rows[["sky"]], minimum_blocks=27)
    assert (few.name, few.n_segments, few.n_blocks) == ("", 0, 22)
    assert math.isnan(few.p_value)


def test_equal_losses_are_no_worse_and_a_constant_loss_is() -> None:
    losses, rows = losses_of(0)
    equal = worst_of(losses.assign(other=losses["candidate"]), rows)
    assert (equal.p_value, equal.increase) == (1.0, 0.0)
    worse = worst_of(losses.assign(candidate=1.0, other=0.0), rows)
    assert worse.p_value == 0
    assert math.isnan(worse.increase)
