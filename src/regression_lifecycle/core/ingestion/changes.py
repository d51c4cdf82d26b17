"""What is other about observations than in the last run, found on the engine of the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.frames.collecting import count_rows
from regression_lifecycle.core.frames.expressions import any_true
from regression_lifecycle.core.ingestion.key_joins import join_on_key
from regression_lifecycle.core.ingestion.row_conflicts import repeated_keys

NEW, CHANGED, GONE, COLUMNS = "new", "changed", "gone", "unknown columns"
CHANGES = {
    "change": "str",
    "n_rows": "int64",
    "first": "datetime64[us]",
    "last": "datetime64[us]",
    "columns": "str",
}
"""Columns of what an ingestion found other than the last one, with their dtypes."""

_TOLD = "__told"
_MET, _BEFORE = "__met", "__before_"


def with_told_target(observations: Any, problem: Problem) -> Any:
    """Keep what the raw table says of the target beside it, before labels are filled in."""
    frame: Any = nw.from_native(observations)
    return frame.with_columns(nw.col(problem.target).alias(_TOLD)).to_native()


def without_told_target(observations: Any) -> Any:
    """Undo :func:`with_told_target`."""
    frame: Any = nw.from_native(observations)
    return frame.drop(_TOLD).to_native()


def find_changes(
    before: Any, now: Any, problem: Problem, since: pd.Timestamp | None = None
) -> pd.DataFrame:
    """Hold observations against those of an earlier run, row by row.

    Args:
        before: Earlier observations, on the engine of ``now``. If they have another key, nothing is
            known of any.
        now: Observations that :func:`with_told_target` has seen before labels were filled in: where
            a label says another target than the raw table, it is no change of the table. A target
            that was missing before and is known now is no change either.
        since: Moment before which both are known to be equal; None compares all.

    Returns:
        One row per kind of change that there is, as :data:`CHANGES` lists the columns: ``new``,
        ``changed`` or ``gone``, how many rows, the first and the last of them by time, and of those
        that changed in which columns, with counts.
    """
    old: Any = nw.from_native(before)
    new: Any = nw.from_native(now)
    key = list(problem.row_order)
    old_dtypes, dtypes = old.collect_schema(), new.collect_schema()
    if not {*key} <= {*old_dtypes.names()}:
        return _as_table([])
    # With the same raw parts it has the same key.
    if since is None and count_rows(repeated_keys(old, key).to_native()):
        return _as_table([])
    if not count_rows(before):
        return _as_table([])
    if since is not None:
        # Nothing stands at or behind the latest moment that there is.
        is_later = nw.col(problem.timestamp.name) >= since.to_pydatetime(warn=False)
        old, new = old.filter(is_later), new.filter(is_later)
    n_before = count_rows(old.to_native())
    compared = [
        name
        for name in problem.columns
        if name not in key and name in old_dtypes.names() and old_dtypes[name] == dtypes[name]
    ]
    earlier = old.select(
        *key,
        nw.lit(1).alias(_MET),
        *(nw.col(name).alias(_BEFORE + name) for name in compared),
    )
    joined = join_on_key(new, earlier, problem)
    stamp, is_met = nw.col(problem.timestamp.name), ~nw.col(_MET).is_null()
    differs = {name: _differs(_BEFORE + name, name) & is_met for name in compared}
    if problem.target in differs:
        was_known = ~nw.col(_BEFORE + problem.target).is_null()
        is_labelled = _differs(_TOLD, problem.target)
        differs[problem.target] = differs[problem.target] & was_known & ~is_labelled
    changed = any_true(differs.values())
    found = _first_row(
        joined.select(
            *_extent(NEW, ~is_met, stamp),
            *_extent(CHANGED, changed, stamp),
            *(_number(differs[name]).alias(name) for name in differs),
            _number(is_met).alias(_MET),
        )
    )
    columns = ", ".join(f"{name} in {found[name]:,}" for name in differs if found[name])
    rows = [_change(NEW, found), _change(CHANGED, found, columns)]
    if found[_MET] < n_before:
        gone = join_on_key(old, new.select(*key), problem, "anti")
        rows.append(_change(GONE, _first_row(gone.select(*_extent(GONE, ~stamp.is_null(), stamp)))))
    return _as_table([row for row in rows if row["n_rows"]])


def find_column_changes(
    before: Sequence[str] | None, now: Sequence[str], n_rows: int
) -> pd.DataFrame:
    """Hold the columns that the contract does not know against those of an earlier run.

    Args:
        before: Theirs; None if nothing is known of it.
        now: Those of the raw table.
        n_rows: Rows of the table.

    Returns:
        One row as :data:`CHANGES` lists the columns with all of ``now``, if they are others.
    """
    if before is None or [*before] == [*now]:
        return _as_table([])
    return _as_table([{"change": COLUMNS, "n_rows": n_rows, "columns": ", ".join(now)}])


def _differs(one: str, other: str) -> nw.Expr:
    """Compare two columns; values that are missing are equal."""
    first, second = nw.col(one), nw.col(other)
    neither = ~first.is_null() & ~second.is_null()
    return ((first != second).fill_null(False) & neither) | (first.is_null() != second.is_null())


def _number(mask: nw.Expr) -> nw.Expr:
    return mask.cast(nw.Int64).sum()


def _extent(kind: str, mask: nw.Expr, stamp: nw.Expr) -> list[nw.Expr]:
    moments = nw.when(mask).then(stamp)
    return [
        _number(mask).alias(f"{kind} n_rows"),
        moments.min().alias(f"{kind} first"),
        moments.max().alias(f"{kind} last"),
    ]


def _first_row(frame: Any) -> dict[str, Any]:
    found = frame.lazy().collect()
    # Sums over no row are missing on some engines.
    return {name: found[name][0] or 0 for name in found.columns}


def _change(kind: str, found: dict[str, Any], columns: str = "") -> dict[str, Any]:
    extent = {name: found[f"{kind} {name}"] for name in ("n_rows", "first", "last")}
    return {"change": kind, **extent, "columns": columns}


def _as_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(CHANGES)).astype(CHANGES)
