"""Means over blocks that remember, and the log ratio of losses by block."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from regression_lifecycle.core.evaluation.block_mean import (
    block_mean,
    log_ratio,
    upper_log_ratio,
)


def remembering(memory: float, n_blocks: int, runs: int = 4000, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    values = random.normal(size=(runs, n_blocks))
    for block in range(1, n_blocks):
        values[:, block] *= math.sqrt(1 - memory**2)
        values[:, block] += memory * values[:, block - 1]
    return values


def losses(memory: float, n_blocks: int, seed: int = 0) -> np.ndarray:
    """Squared errors of two equal models, each with a level that remembers."""
    both = [remembering(memory, n_blocks, seed=seed + model) for model in range(2)]
    return np.stack(both, axis=-1) ** 2 + 0.06


def share_below_zero(sums: np.ndarray) -> float:
    return float((upper_log_ratio(sums, log_ratio(sums), 0.95, draws=500) < 0).mean())


def test_the_standard_error_is_that_of_as_many_independent_blocks() -> None:
    values = remembering(0.6, 30, runs=1)[0]
    found = block_mean(values)

    rest = values - values.mean()
    raw = (rest[1:] * rest[:-1]).mean() / rest.var()
    memory = raw + (1 + 3 * raw) / 30
    lags = np.abs(np.subtract.outer(np.arange(30), np.arange(30)))
    n_effective = 30**2 / (memory**lags).sum()
    assert found.mean == pytest.approx(values.mean())
    assert found.memory == pytest.approx(memory)
    assert found.n_effective == pytest.approx(n_effective)
    assert found.standard_error == pytest.approx(values.std() / math.sqrt(n_effective - 1))
    assert found.degrees == pytest.approx(n_effective - 1)


def test_without_memory_it_is_the_t_test() -> None:
    values = remembering(0.0, 100, runs=200)
    found = block_mean(values)
    nearest = int(np.abs(found.memory).argmin())
    alone = stats.ttest_1samp(values[nearest], 0, alternative="greater")
    assert found.p_value()[nearest] == pytest.approx(alone.pvalue, abs=1e-3)


def test_blocks_that_alternate_count_as_what_they_are_or_little_more() -> None:
    values = np.tile([1.0, -1.0], 10) + 0.1
    alone, less = block_mean(values), block_mean(values, -0.1)
    assert (alone.memory, alone.n_effective, alone.degrees) == (0, 20, 19)
    assert less.memory == -0.1
    assert 20 < less.n_effective < 25
    assert less.degrees == 19


@pytest.mark.parametrize("n_blocks", [26, 52])
@pytest.mark.parametrize(("memory", "most"), [(0.0, 0.06), (0.5, 0.07), (0.9, 0.12)])
def test_equal_models_pass_about_as_rarely_as_stated(
    memory: float, most: float, n_blocks: int
) -> None:
    assert 0.03 < share_below_zero(losses(memory, n_blocks)) < most + 0.01


def test_blocks_without_rows_are_passed_over() -> None:
    kept = np.sort(np.random.default_rng(1).choice(52, 30, replace=False))
    assert share_below_zero(losses(0.9, 52)[:, kept]) < 0.14
    half_a_year_is_missing = np.r_[0:15, 37:52]
    assert share_below_zero(losses(0.5, 52)[:, half_a_year_is_missing]) < 0.08


def test_the_log_ratio_leaves_one_block_out_at_a_time() -> None:
    sums = np.random.default_rng(0).uniform(1, 9, (12, 2))
    found = log_ratio(sums)

    ratio = math.log(sums[:, 0].sum() / sums[:, 1].sum())
    left = [np.delete(sums, block, axis=0).sum(axis=0) for block in range(12)]
    values = np.array([12 * ratio - 11 * math.log(one / two) for one, two in left])
    assert found.mean == pytest.approx(ratio)
    assert found.standard_error == pytest.approx(block_mean(values, -0.1).standard_error)


def test_many_pairs_at_once_are_the_pairs_one_by_one() -> None:
    sums = losses(0.5, 10)[:3]
    bounds = upper_log_ratio(sums, log_ratio(sums), 0.9)
    for place, one in enumerate(sums):
        assert upper_log_ratio(one, log_ratio(one), 0.9) == pytest.approx(bounds[place])


def test_losses_in_proportion_have_no_spread() -> None:
    other = np.random.default_rng(0).uniform(1, 9, 10)
    equal, half = (log_ratio(np.stack([s * other, other], axis=-1)) for s in (1.0, 0.5))
    assert (equal.mean, equal.standard_error, equal.memory) == (0, 0, 0)
    sums = np.stack([0.5 * other, other], axis=-1)
    assert upper_log_ratio(sums, half, 0.99) == pytest.approx(math.log(0.5))
    assert half.n_effective == 10


def test_who_is_better_in_every_block_is_better_however_few_they_count_as() -> None:
    other = np.array([1.0, 2.0, 1.5, 90.0, 2.5, 1.0, 3.0, 2.0, 1.0])
    # Ever better: neighbours are alike, so that nine blocks count as few.
    sums = np.stack([other * np.linspace(0.9, 0.05, 9), other], axis=-1)
    found = log_ratio(sums)
    one = replace(found, n_effective=np.asarray(1.0))
    assert upper_log_ratio(sums, found, 0.95) < 0
    assert upper_log_ratio(sums, one, 0.95) == pytest.approx(math.log(0.9))


def test_fewer_independent_blocks_make_a_wider_bound() -> None:
    sums = losses(0.0, 40)[0]
    found = log_ratio(sums)
    bounds = [
        float(upper_log_ratio(sums, replace(found, n_effective=np.asarray(count)), 0.95))
        for count in (40.0, 20.0, 10.0, 5.0)
    ]
    assert bounds == sorted(bounds)
    assert bounds[0] < bounds[-1]


def test_without_memory_the_bound_is_that_of_the_expanded_percentile() -> None:
    sums = np.random.default_rng(2).uniform(1, 9, (30, 2))
    found = replace(log_ratio(sums), n_effective=np.asarray(30.0))
    counts = np.random.default_rng(0).multinomial(30, np.full(30, 1 / 30), 2000)
    drawn = np.log((counts @ sums)[:, 0] / (counts @ sums)[:, 1])
    tail = stats.norm.cdf(stats.t.ppf(0.95, 29) * math.sqrt(30 / 29))
    expected = np.quantile(drawn, tail, method="higher")
    assert upper_log_ratio(sums, found, 0.95) == pytest.approx(expected)


def test_a_model_without_loss_is_surely_better_and_against_one_there_is_no_share() -> None:
    other = np.arange(1.0, 9)
    perfect = np.stack([0 * other, other], axis=-1)
    assert upper_log_ratio(perfect, log_ratio(perfect), 0.95) == -math.inf
    single = np.stack([other, np.eye(8)[0]], axis=-1)
    assert upper_log_ratio(single, log_ratio(single), 0.95) == math.inf


def test_values_that_are_all_alike() -> None:
    assert block_mean(np.zeros(8)).p_value() == 0.5
    assert block_mean(np.ones(8)).p_value() == 0
    assert block_mean(-np.ones(8)).p_value() == 1
