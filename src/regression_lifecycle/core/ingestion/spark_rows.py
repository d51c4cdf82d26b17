"""Raw rows that Spark reads: each piece is typed by the worker that has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.problem import MOMENT_TYPES, ColumnSpec, Problem
from regression_lifecycle.core.data.quarantine import Reasons
from regression_lifecycle.core.ingestion.raw_table import ROW, RawTable, type_rows

_ID = "__id"
# Above these bits an identifier of Spark names the partition, below the row in it.
_BITS = 33


@dataclass
class SparkRawTable(RawTable):
    """A raw table that Spark reads whenever its rows are asked for.

    Attributes:
        numbered: Its rows with Spark's identifiers of them.
        starts: Position in the whole table of the first row of each partition.
    """

    numbered: Any = None
    starts: dict[int, int] = field(default_factory=dict)

    def rejected(self) -> pd.DataFrame:
        """Return the rows that something speaks against, as :meth:`Reasons.set_aside` does."""
        rows, names = self.reasons.rows, self.numbered.columns

        def pick(piece: pd.DataFrame, first_row: int) -> pd.DataFrame:
            place = np.arange(first_row, first_row + len(piece))
            return piece.assign(**{_ID: place})[np.isin(place, rows)][names]

        found = _map_pieces(self, pick, self.numbered.schema).toPandas().sort_values(_ID)
        own = found.drop(columns=_ID).reset_index(drop=True)
        return self.reasons.set_aside(own, found[_ID].to_numpy("int64"))


def read_spark_rows(raw: Any, problem: Problem) -> tuple[Any, SparkRawTable]:
    """Read a raw table row by row on the workers of Spark.

    Args:
        raw: A Spark frame whose rows come in the same order whenever they are read, as those of
            files do.

    Returns:
        The good rows as :func:`type_rows` gives them, as a Spark frame, and the raw table with
        what speaks against the others.
    """
    from pyspark.sql import functions

    numbered = raw.withColumn(_ID, functions.monotonically_increasing_id())
    partition = functions.shiftright(_ID, _BITS).alias("partition")
    counts = {row[0]: row[1] for row in numbered.groupBy(partition).count().collect()}
    starts, n_rows = {}, 0
    for number in sorted(counts):
        starts[number] = n_rows
        n_rows += counts[number]
    table = SparkRawTable(
        [], n_rows=n_rows, names=tuple(raw.columns), numbered=numbered, starts=starts
    )

    def judge(piece: pd.DataFrame, first_row: int) -> pd.DataFrame:
        _, reasons = type_rows(piece, problem, first_row)
        return pd.DataFrame({"first_row": [first_row], "reasons": [reasons.to_json()]})

    judged = _map_pieces(table, judge, "first_row bigint, reasons string").collect()
    for row in sorted(judged, key=lambda row: row["first_row"]):
        table.reasons.append(Reasons.from_json(row["reasons"]))

    def type_piece(piece: pd.DataFrame, first_row: int) -> pd.DataFrame:
        typed: pd.DataFrame = type_rows(piece, problem, first_row)[0]
        return typed

    return _map_pieces(table, type_piece, _schema(problem)), table


def _map_pieces(
    table: SparkRawTable, change: Callable[[pd.DataFrame, int], pd.DataFrame], schema: Any
) -> Any:
    """Let workers turn pieces of the raw table, whose first row they know, into others."""
    starts = table.starts

    def turn(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        for batch in batches:
            piece = batch.to_pandas()
            if piece.empty:
                continue
            identifier = int(piece[_ID].iloc[0])
            first_row = starts[identifier >> _BITS] + identifier % 2**_BITS
            made = change(piece.drop(columns=_ID), first_row)
            # In Arrow a missing number is missing, and no number that is none.
            yield from pa.Table.from_pandas(made, preserve_index=False).to_batches()

    return table.numbered.mapInArrow(turn, schema)


def _schema(problem: Problem) -> str:
    """Return the columns of typed rows as Spark writes them."""
    written = [f"__written_{name}" for name, spec in problem.columns.items() if spec.zone]
    types = {
        problem.timestamp.name: "timestamp_ntz",
        **{name: _type(spec) for name, spec in problem.columns.items()},
        ROW: "bigint",
        **dict.fromkeys(written, "string"),
    }
    return ", ".join(f"`{name}` {kind}" for name, kind in types.items())


def _type(spec: ColumnSpec) -> str:
    if spec.type == "category":
        return "string"
    if spec.type in MOMENT_TYPES:
        return "timestamp_ntz"
    return "double" if spec.type == "float" or spec.missing else "bigint"
