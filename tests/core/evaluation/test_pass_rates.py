"""How often challengers of known worth pass, by past losses."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.evaluation.comparison import Comparison
from regression_lifecycle.core.evaluation.pass_rates import PassRate, pass_rates

RETRAINING = Comparison(minimum_blocks=5, observed_improvement=0.0, minimum_improvement=-0.2)


def losses(
    n_blocks: int, memory: float = 0.0, better: float = 0.0, seed: int = 0, alike: float = 1.5
) -> pd.DataFrame:
    """Squared errors of two models that are alike, a block of ten rows for each level."""
    random = np.random.default_rng(seed)
    level = random.normal(size=(2, n_blocks))
    for block in range(1, n_blocks):
        level[:, block] *= math.sqrt(1 - memory**2)
        level[:, block] += memory * level[:, block - 1]
    common = random.normal(0, alike, n_blocks)
    errors = np.repeat(level + common, 10, axis=1) + random.normal(0, 1, (2, 10 * n_blocks))
    squares = errors**2 * [[(1 - better) ** 2], [1]]
    return pd.DataFrame(squares.T, columns=["candidate", "other"]).assign(
        block=np.repeat(np.arange(n_blocks), 10)
    )


def shares(frame: pd.DataFrame, asked: Comparison, **options) -> dict[float, float]:
    return {rate.worth: rate.share for rate in pass_rates(frame, asked, **options)}


def test_an_equal_challenger_passes_as_rarely_as_stated_and_a_better_one_more_often() -> None:
    found = shares(losses(200), Comparison(), n_blocks=26)

    assert list(found) == [0.1, 0.0, -0.05, -0.1]
    assert found[0.0] == pytest.approx(0.05, abs=0.03)
    assert found[0.1] > 2 * found[0.0] > 2 * found[-0.05]
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_where_a_little_loss_is_tolerated_half_of_the_equal_pass() -> None:
    found = shares(losses(200, alike=3.0), RETRAINING, n_blocks=14)

    assert 0.3 < found[0.0] <= 0.52
    assert found[0.1] > found[0.0] + 0.1 > found[-0.1] + 0.2


def test_which_of_the_two_models_was_better_does_not_matter() -> None:
    even, uneven = (shares(losses(100, better=b), RETRAINING, n_blocks=14) for b in (0.0, 0.4))
    assert uneven == pytest.approx(even, abs=0.01)


def test_weeks_that_remember_let_more_equal_challengers_through() -> None:
    def rate(memory: float) -> float:
        pasts = [losses(400, memory, seed=seed, alike=0.0) for seed in range(4)]
        return float(np.mean([shares(one, Comparison(), n_blocks=26)[0.0] for one in pasts]))

    assert rate(0.9) > rate(0.0) + 0.01


def test_the_same_losses_give_the_same_rates() -> None:
    frame = losses(30)
    assert pass_rates(frame, RETRAINING) == pass_rates(frame, RETRAINING)
    assert pass_rates(frame, RETRAINING, worths=(0.0,))[0] == pass_rates(frame, RETRAINING)[1]


def test_where_the_gate_refuses_for_its_blocks_nobody_passes() -> None:
    assert pass_rates(losses(30), Comparison(), 7, (0.5,)) == [PassRate(0.5, 0.0)]


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.assign(other=0.0),
        lambda table: table.assign(candidate=table["candidate"].where(table.index > 3)),
        lambda table: table[:10],
    ],
)
def test_losses_that_say_nothing_give_no_rate(change) -> None:
    assert math.isnan(pass_rates(change(losses(30)), Comparison(), 26)[0].share)
