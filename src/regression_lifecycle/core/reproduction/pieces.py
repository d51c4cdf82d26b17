"""A table in pieces that are named by the hash of their content, so that tables share them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from pydantic import Field

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.durations import CalendarDuration
from regression_lifecycle.core.errors import StateError


class Piece(StrictModel):
    """Consecutive rows of a table in one Parquet file.

    Attributes:
        period: The calendar period of the rows, such as ``2011-05``.
        sha256: Hash of the file's bytes, which names the file.
        n_rows: Number of rows.
        n_bytes: Size of the file.
    """

    period: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    n_rows: int
    n_bytes: int

    @property
    def file_name(self) -> str:
        """Name of the file."""
        return f"{self.sha256}.parquet"


def cut_into_pieces(table: pd.DataFrame, problem: Problem) -> dict[Piece, bytes]:
    """Cut a table by calendar periods, so that a table that grows keeps its older pieces.

    Args:
        table: Rows in the order of time.

    Returns:
        Pieces in the order of the rows, each with the bytes of its file: months of rows that come
        several times a day, else years.
    """
    import pyarrow as pa

    # Without an index, whose length would change every piece. All pieces share one schema, whatever
    # is missing in some of them.
    whole = pa.Table.from_pandas(table, preserve_index=False)
    periods = table[problem.timestamp.name].dt.to_period(_period_of(problem)).astype(str).to_numpy()
    starts = [0, *np.flatnonzero(periods[1:] != periods[:-1]) + 1]
    pieces = {}
    for start, end in zip(starts, [*starts[1:], len(table)], strict=True):
        content = _to_parquet(whole.slice(start, end - start))
        piece = Piece(
            period=periods[start],
            sha256=hash_of(content),
            n_rows=int(end - start),
            n_bytes=len(content),
        )
        pieces[piece] = content
    return pieces


def join_pieces(pieces: Iterable[Piece], contents: Mapping[str, bytes]) -> pd.DataFrame:
    """Put a table together again.

    Args:
        pieces: In the order of the rows.
        contents: Bytes by name of the file.

    Raises:
        StateError: If the bytes of a piece are not those that were stored.
    """
    import pyarrow as pa
    from pyarrow.parquet import read_table

    tables = []
    for piece in pieces:
        content = contents[piece.file_name]
        found = hash_of(content)
        # Before anything in the file is looked at.
        if found != piece.sha256:
            raise StateError(
                f"the piece {piece.file_name} (rows of {piece.period}) was changed: the hash of "
                f"its content is {found[:16]}..., and its name says {piece.sha256[:16]}..."
            )
        tables.append(read_table(pa.BufferReader(content)))
    joined: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    return joined


def hash_of(content: bytes) -> str:
    """Return the SHA-256 of some bytes, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _period_of(problem: Problem) -> str:
    frequency = problem.frequency
    is_short = not isinstance(frequency, CalendarDuration) and frequency < pd.Timedelta("1 day")
    return "M" if is_short else "Y"


def _to_parquet(part: object) -> bytes:
    from pyarrow.parquet import write_table

    buffer = io.BytesIO()
    write_table(part, buffer, compression="zstd")
    return buffer.getvalue()
