"""Labels that come after their rows: in any order, more than once, and joined by the key."""

from __future__ import annotations

from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.as_of import first_and_last
from regression_lifecycle.core.data.keys import row_keys
from regression_lifecycle.core.data.problem import ColumnSpec, Problem
from regression_lifecycle.core.data.quarantine import Reasons, RejectedShare, refuse_bad_share
from regression_lifecycle.core.data.raw_columns import final_dtype, timestamps_of, typed_column
from regression_lifecycle.core.data.row_moments import read_row_numbers
from regression_lifecycle.core.data.tables import LABELS, Between, ReadRows
from regression_lifecycle.core.data.values import FLOAT_DIGITS
from regression_lifecycle.core.errors import DataContractError, bounded_list
from regression_lifecycle.core.frames.collecting import collect, on_engine_of
from regression_lifecycle.core.ingestion.contract import ContractResult
from regression_lifecycle.core.ingestion.key_joins import join_on_key
from regression_lifecycle.core.ingestion.row_conflicts import distinct_moments

REPLACED = "a later row of the same delivery has another value, which counts"
WAITS = "its observation has not come yet"
NO_OBSERVATION = "no observation has this key"
OFF_GRID = "no row comes at such a time"
_UNUSED_DTYPES = {
    "row_key": "str",
    "timestamp": "datetime64[us]",
    "target": "float64",
    "reason": "str",
}
_UNUSED = list(_UNUSED_DTYPES)
_LABEL = "__label"


class JoinedLabels(NamedTuple):
    """Observations with the targets that came later.

    Attributes:
        observations: With the dtypes of before, and in pandas in the same order.
        unused: Labels that fill in nothing: ``row_key``, ``timestamp``, ``target`` and ``reason``.
    """

    observations: Any
    unused: pd.DataFrame


class LabelParameters(StrictModel):
    """How strict the intake of labels is.

    Attributes:
        maximum_rejected_share: Share of rows (0 to 1) of a batch of labels that may be set aside.
            Above it the batch is refused as a whole.
    """

    maximum_rejected_share: RejectedShare = 0.01


def accept_labels(
    table: pd.DataFrame, problem: Problem, parameters: LabelParameters
) -> ContractResult:
    """Read labels that were handed in.

    Args:
        table: One row per label: the target, and the key of its observation. The timestamp stands
            under its own name, or as the raw columns that it is made of; without a time it may be
            the number of the row. Further columns are left aside. If an observation stands there
            more than once, the last row counts, and those with another value are set aside.
        problem: Names key and target, and gives the target's bounds.

    Returns:
        ``observations``: rows of ``labels``, unique by their key. ``rejected``: the other rows as
        text, with ``raw_row`` (1 for the first) and ``rejection_reason``.

    Raises:
        DataContractError: If a column is missing or too many rows are bad.
    """
    source = read_row_numbers(table.reset_index(drop=True), problem)
    reasons = Reasons(len(source))
    stamped = problem.timestamp.name in source
    names = label_columns(problem, stamped=stamped)
    missing = [name for name in names if name not in source]
    if missing:
        asked = bounded_list(label_columns(problem, stamped=True))
        raise DataContractError(
            f"labels: missing columns: {bounded_list(missing)}; a label needs {asked}, where "
            f"'{problem.timestamp.name}' may also stand as the raw columns that it is made of"
        )
    typed = {
        name: typed_column(source[name], name, _spec(name, problem), reasons) for name in names
    }
    if stamped:
        stamp = typed[problem.timestamp.name].astype("datetime64[us]")
    elif problem.timestamp.name in problem.key_columns:
        stamp = timestamps_of(typed, problem, reasons, len(source))
    else:
        stamp = pd.Series(pd.NaT, index=source.index, dtype="datetime64[us]")
    if problem.columns[problem.target].type == "integer":
        # The store keeps them as floats, for targets of every type.
        lost = (typed[problem.target].abs() >= FLOAT_DIGITS).fillna(False).astype("bool")
        reasons.add(lost, f"{problem.target} has more digits than a label keeps")
    bad = reasons.any
    refuse_bad_share(
        int(bad.sum()),
        len(source),
        parameters.maximum_rejected_share,
        reasons.counts(),
        "labels",
        "labels",
    )
    keyed = _key_frame(typed, stamp, problem)
    good = pd.DataFrame(
        {
            "problem": problem.name,
            "row_key": row_keys(keyed, problem).to_numpy(),
            "timestamp": stamp.to_numpy(),
            "target": typed[problem.target].astype("float64").to_numpy(),
        }
    ).loc[~bad]
    last = good.drop_duplicates("row_key", keep="last")
    counts = good["row_key"].map(last.set_index("row_key")["target"])
    reasons.add((good["target"] != counts).reindex(source.index, fill_value=False), REPLACED)
    return ContractResult(LABELS.frame(last), reasons.set_aside(source))


def label_columns(problem: Problem, *, stamped: bool) -> list[str]:
    """Name the columns that a label is made of.

    Args:
        stamped: Whether the timestamp stands under its own name; its raw columns otherwise.

    Returns:
        The key's columns and the target.
    """
    stamp = problem.timestamp
    raw = list(stamp.raw_columns) or [stamp.name]
    parts = [
        part
        for name in problem.key_columns
        for part in ([name] if name != stamp.name or stamped else raw)
    ]
    return list(dict.fromkeys([*parts, problem.target]))


def check_stored_labels(labels: pd.DataFrame, problem: Problem) -> tuple[pd.Series, Reasons]:
    """Hold labels of the store against the contract of today.

    Args:
        labels: Rows of ``labels`` of this problem.

    Returns:
        Their targets as the contract reads them, and what speaks against them by row.
    """
    reasons = Reasons(len(labels))
    spec = _spec(problem.target, problem)
    return typed_column(labels["target"], problem.target, spec, reasons), reasons


def read_labels(read: ReadRows, observations: Any, problem: Problem) -> pd.DataFrame:
    """Read the labels that belong to rows of a table, or wait for them.

    Labels only grow in number, and a table may be the newest part of a longer one. Where the key
    holds the time, those of rows that are older than the table are not read.

    Args:
        read: Reads ``labels``.
        observations: Observations on any engine.

    Returns:
        Rows of ``labels``.
    """
    where: dict[str, Any] = {"problem": problem.name}
    if problem.key_holds_time:
        where["timestamp"] = Between(low=first_and_last(observations, problem)[0])
    return read(where, list(LABELS.columns))


def join_labels(observations: Any, labels: pd.DataFrame, problem: Problem) -> JoinedLabels:
    """Fill in the targets that came later.

    Args:
        observations: Observations on any engine.
        labels: ``labels``. A label replaces what the table says; one without an observation waits
            for it. One that breaks the contract of today, which may be another than that of the
            day on which it came, leaves the table's own target.

    Returns:
        The observations with their targets, and the labels that were of no use.
    """
    own = labels[labels["problem"] == problem.name].reset_index(drop=True)
    if own.empty:
        return JoinedLabels(observations, pd.DataFrame(columns=_UNUSED).astype(_UNUSED_DTYPES))
    frame: Any = nw.from_native(observations)
    values, reasons = check_stored_labels(own, problem)
    named = _named_rows(frame, own, problem)
    _find_lonely(own, named["row_key"], frame, problem, reasons)
    used = own.assign(**{_LABEL: values})[~reasons.any]
    filled = named.merge(used[["row_key", _LABEL]], on="row_key").drop(columns="row_key")
    unused = own[reasons.any].assign(reason=reasons.text(reasons.rows))
    unused = unused[_UNUSED].astype(_UNUSED_DTYPES).reset_index(drop=True)
    return JoinedLabels(_fill_in(frame, filled, problem), unused)


def _named_rows(frame: Any, labels: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    """Return the keys of the rows that labels may belong to, and what the store calls them."""
    stamp, moments = problem.timestamp.name, labels["timestamp"]
    if stamp in problem.key_columns and moments.notna().all():
        first, last = moments.min().to_pydatetime(), moments.max().to_pydatetime()
        frame = frame.filter(nw.col(stamp) >= first, nw.col(stamp) <= last)
    keys = collect(frame.to_native(), problem, list(problem.row_order))
    return keys.assign(row_key=row_keys(keys, problem).to_numpy())


def _fill_in(frame: Any, filled: pd.DataFrame, problem: Problem) -> Any:
    """Replace the targets of the rows that have a label."""
    target, names = nw.col(problem.target), frame.collect_schema().names()
    given = nw.from_native(on_engine_of(frame.to_native(), filled))
    label = nw.col(_LABEL)
    known = nw.when(~label.is_null()).then(label).otherwise(target)
    joined = join_on_key(frame, given, problem).with_columns(known.alias(problem.target))
    rows = joined.select(names).to_native()
    if isinstance(rows, pd.DataFrame):
        rows = rows.astype({problem.target: frame.to_native()[problem.target].dtype})
    return rows


def _find_lonely(
    labels: pd.DataFrame, keys: pd.Series, frame: Any, problem: Problem, reasons: Reasons
) -> None:
    """Tell labels without an observation: some wait for it, the others have a wrong key."""
    lonely = ~labels["row_key"].isin(keys)
    stamps = distinct_moments(frame, problem) if lonely.any() else labels["timestamp"]
    moments = labels["timestamp"]
    off = np.zeros(len(labels), dtype=bool)
    if isinstance(problem.frequency, pd.Timedelta) and not problem.irregular:
        phases = ((stamps - pd.Timestamp(0)) % problem.frequency).unique()
        off = moments.notna() & ~((moments - pd.Timestamp(0)) % problem.frequency).isin(phases)
    # A label without a time may belong to any row that comes.
    waits = lonely & ~off & ~(moments <= stamps.max())
    reasons.add(lonely & off, OFF_GRID)
    reasons.add(waits, WAITS)
    reasons.add(lonely & ~off & ~waits, NO_OBSERVATION)


def _spec(name: str, problem: Problem) -> ColumnSpec:
    if name == problem.timestamp.name:
        date = problem.timestamp.date
        return ColumnSpec(
            type="datetime", zone=None if date is None else problem.columns[date].zone
        )
    # A label that is missing says nothing, whatever the table allows.
    return problem.columns[name].model_copy(update={"missing": False})


def _key_frame(typed: dict[str, pd.Series], stamp: pd.Series, problem: Problem) -> pd.DataFrame:
    """Bring the key into the dtypes of the observations, since keys are compared as text."""
    frame = {}
    for name in problem.key_columns:
        if name == problem.timestamp.name:
            frame[name] = stamp
            continue
        values, spec = typed[name], problem.columns[name]
        if spec.type in ("integer", "boolean") and not spec.missing:
            # Rows that are rejected may have none; their key is not used.
            values = values.fillna(0)
        frame[name] = final_dtype(values, spec)
    return pd.DataFrame(frame)
