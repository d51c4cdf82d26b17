"""Boosted trees of which all walk one step at a time: a call per level in place of one per tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from regression_lifecycle.core.metrics import FloatArray

# Up to so many pairs of row and tree; beyond, the compiled loop of scikit-learn is faster.
MAXIMUM_PAIRS = 4000


def boosted_trees(estimator: Any) -> Callable[[FloatArray], FloatArray]:
    """Turn fitted histogram gradient boosting into a function of an array.

    Args:
        estimator: A fitted ``HistGradientBoostingRegressor`` without categorical features.

    Returns:
        A function of an array of shape (n, columns) that gives predictions of shape (n,).
    """
    from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

    trees = [iteration[0] for iteration in estimator._predictors]
    starts = np.cumsum([0, *(len(tree.nodes) for tree in trees)])
    nodes = np.concatenate([tree.nodes for tree in trees])
    first = np.repeat(starts[:-1], [len(tree.nodes) for tree in trees])
    here = np.arange(len(nodes))
    is_leaf = nodes["is_leaf"].astype(bool)
    # A walk that has come to a leaf stays there.
    left = np.where(is_leaf, here, nodes["left"] + first)
    right = np.where(is_leaf, here, nodes["right"] + first)
    feature = np.where(is_leaf, 0, nodes["feature_idx"]).astype(np.intp)
    threshold = nodes["num_threshold"].copy()
    missing_left = nodes["missing_go_to_left"].astype(bool)
    value = nodes["value"].copy()
    depth = int(nodes["depth"].max())
    children = np.stack([right, left], axis=1).ravel()
    roots = starts[:-1]
    baseline = np.asarray(estimator._baseline_prediction, dtype="float64").ravel()
    inverse = estimator._loss.link.inverse
    categories = estimator._bin_mapper.make_known_categories_bitsets()

    def small(x: FloatArray) -> FloatArray:
        n_rows, n_columns = x.shape
        flat = np.ascontiguousarray(x).ravel()
        offset = np.repeat(np.arange(n_rows) * n_columns, len(roots))
        place = np.tile(roots, n_rows)
        has_missing = bool(np.isnan(flat).any())
        for _ in range(depth):
            cell = flat[offset + feature[place]]
            goes_left = cell <= threshold[place]
            if has_missing:
                goes_left |= np.isnan(cell) & missing_left[place]
            place = children[2 * place + goes_left]
        leaves = value[place].reshape(n_rows, len(roots))
        # In the order of the trees, since a sum in another order has other last digits.
        sums = np.cumsum(np.hstack([np.broadcast_to(baseline, (n_rows, 1)), leaves]), axis=1)
        return sums[:, -1]

    def large(x: FloatArray) -> FloatArray:
        rows = np.ascontiguousarray(x)
        total = np.repeat(baseline, len(rows))
        threads = _openmp_effective_n_threads(None)
        for tree in trees:
            total += tree.predict(rows, *categories, n_threads=threads)
        return total

    def predict(x: FloatArray) -> FloatArray:
        raw = small(x) if len(x) * len(roots) <= MAXIMUM_PAIRS else large(x)
        found: FloatArray = inverse(raw)
        return found

    return predict
