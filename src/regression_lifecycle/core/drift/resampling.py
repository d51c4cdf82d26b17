"""Pretended windows and references, drawn from one reference in blocks of neighbouring rows.

A column is put into cells once, and each possible block becomes its counts per cell. A resample is
then a sum of blocks, and a thousand of them are one product of two matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regression_lifecycle.core.drift.methods import DriftMethod, Kind, Samples
from regression_lifecycle.core.drift.statistics import first_of_equals, shares, spread_of_reference

# Numbers with more distinct values than this are put into so many cells of equal counts.
MAXIMUM_CELLS = 256
# And so many where they are counted by group.
MAXIMUM_CELLS_BY_GROUP = 64
# Blocks begin at so many evenly spaced rows at most, and hold so many rows together.
MAXIMUM_STARTS = 512
MAXIMUM_BLOCK_ROWS = 4_000_000
# Cells of all groups and resamples that are compared at a time.
MAXIMUM_COUNTS = 4_000_000


@dataclass(frozen=True)
class Blocks:
    """Which blocks make which resample: the same ones for every column.

    Attributes:
        n_rows: Rows of the reference.
        window_rows: Rows of a window.
        block_rows: Rows of a block.
        members: Rows of each possible block, shape (s, block_rows); a block that reaches the end
            of the reference goes on at its beginning, so that all rows count alike.
        windows: How often a block is in a pretended window, shape (resamples, s).
        references: How often a block is in a pretended reference, shape (resamples, s).
    """

    n_rows: int
    window_rows: int
    block_rows: int
    members: NDArray[np.int64]
    windows: NDArray[np.float32]
    references: NDArray[np.float32]

    @property
    def n_blocks(self) -> float:
        """Blocks that fit into the reference, one after the other."""
        return self.n_rows / self.block_rows


def draw_blocks(
    n_rows: int, window_rows: int, block_rows: int, resamples: int, seed: int
) -> Blocks:
    """Draw the blocks of pretended windows and references.

    Args:
        n_rows: Rows of the reference.
        window_rows: Rows of a window.
        block_rows: Rows of a block, at most those of the window.
        resamples: How many pairs of window and reference to draw.
        seed: Seed of the draw.

    Returns:
        The blocks.
    """
    n_starts = min(n_rows, MAXIMUM_STARTS, max(64, MAXIMUM_BLOCK_ROWS // block_rows))
    starts = np.unique(np.linspace(0, n_rows, n_starts, endpoint=False).astype("int64"))
    random = np.random.default_rng(seed)

    def draw(n_drawn: int) -> NDArray[np.float32]:
        chosen = random.integers(len(starts), size=(resamples, n_drawn))
        chosen += np.arange(resamples)[:, None] * len(starts)
        counts = np.bincount(chosen.ravel(), minlength=resamples * len(starts))
        return counts.reshape(resamples, -1).astype("float32")

    return Blocks(
        n_rows=n_rows,
        window_rows=window_rows,
        block_rows=block_rows,
        members=(starts[:, None] + np.arange(block_rows)) % n_rows,
        windows=draw(max(1, round(window_rows / block_rows))),
        references=draw(max(1, round(n_rows / block_rows))),
    )


def cells(values: Any, kind: Kind, *, is_grouped: bool = False) -> tuple[Any, Any]:
    """Put the values of a column into cells.

    Args:
        values: Numbers or labels, shape (n,); NaN where one is missing.
        kind: What the column holds.
        is_grouped: Whether the cells are then counted by group, and fewer will do.

    Returns:
        The value that stands for each cell, in order: a number, or the mean of the cell where
        there are more of them than cells (for categories their position); and the cell of each
        row, -1 for a missing value.
    """
    codes, distinct = pd.factorize(values, sort=kind == "numerical")
    if kind == "categorical":
        return np.arange(float(len(distinct))), codes
    maximum = MAXIMUM_CELLS_BY_GROUP if is_grouped else MAXIMUM_CELLS
    if len(distinct) <= maximum:
        return np.asarray(distinct, dtype="float64"), codes
    known = codes >= 0
    share = (np.bincount(codes[known]).cumsum() - 1) / np.count_nonzero(known)
    merged = first_of_equals((share * maximum).astype("int64")).cumsum() - 1
    cell = np.where(known, merged[codes], -1)
    sums = np.bincount(cell[known], weights=values[known])
    return sums / np.bincount(cell[known]), cell


def resampled(
    method: DriftMethod, points: Any, codes: Any, groups: Any, blocks: Blocks, minimum_rows: int
) -> Any:
    """Compare each pretended window with its pretended reference.

    Args:
        method: What compares them.
        points: The value of each cell, shape (k,).
        codes: The cell of each row of the reference, in the order of time.
        groups: The group of each of these rows, within which they are compared; -1 for none.
        blocks: The draws.
        minimum_rows: Values that both must have.

    Returns:
        The statistic of each resample; NaN where values are too few.
    """
    width, n_groups = len(points), int(groups.max()) + 1
    n_starts, n_cells = len(blocks.members), n_groups * width
    # Missing values are counted in a cell of their own, which is then left out.
    cell = np.where((codes >= 0) & (groups >= 0), groups * width + codes, n_cells)
    place = cell[blocks.members]
    place += np.arange(n_starts)[:, None] * (n_cells + 1)
    counts = np.bincount(place.ravel(), minlength=n_starts * (n_cells + 1))
    per_block = counts.reshape(-1, n_cells + 1)[:, :n_cells].astype("float32")
    found = np.full(len(blocks.windows), np.nan)
    step = max(1, MAXIMUM_COUNTS // n_cells)
    for begin in range(0, len(found), step):
        drawn = slice(begin, begin + step)
        reference = (blocks.references[drawn] @ per_block).astype("float64")
        current = (blocks.windows[drawn] @ per_block).astype("float64")
        enough = (reference.sum(axis=1) >= minimum_rows) & (current.sum(axis=1) >= minimum_rows)
        reference, current = (
            side[enough].reshape(-1, n_groups, width) for side in (reference, current)
        )
        spread: Any = np.nan
        if method.kind == "numerical":
            whole = reference.sum(axis=1)
            spread = spread_of_reference(points, whole, _std(points, whole))[:, None]
        statistic = method.statistic_within(Samples(points, reference, current, spread))
        found[np.flatnonzero(enough) + begin] = statistic
    return found


def _std(points: Any, counts: Any) -> Any:
    weights = shares(counts)
    centred = points - points.mean()
    return np.sqrt(np.maximum(weights @ centred**2 - (weights @ centred) ** 2, 0))
