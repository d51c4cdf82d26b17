"""Batches of predictions: one Parquet file per batch and model version, written in pieces."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pandas as pd
from kedro.io import AbstractDataset
from kedro.io.core import get_protocol_and_path

from regression_lifecycle.core.errors import DataContractError, counted
from regression_lifecycle.core.prediction.batch_predictions import BatchPredictions
from regression_lifecycle.core.prediction.batch_scoring import ScoredPiece, ScoringRun
from regression_lifecycle.datasets.atomic_file import open_file_system

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

LOGGER = logging.getLogger(__name__)
READ_ROWS = 100_000
# What a file says about itself, as JSON in the metadata of Parquet.
_ABOUT = b"about"
_MOMENTS = ("trained_until", "scored_at", "first", "last")


class BatchPredictionsDataset(AbstractDataset[ScoringRun, list[BatchPredictions]]):
    """Predictions under ``<path>/<batch>/v<version>.parquet``, locally or on an object store.

    A file is there as a whole or not at all, and says about itself, in the metadata of Parquet,
    which model made it, when, and from how many rows. Rows that were set aside stand beside it in
    ``v<version>.rejected.parquet``.

    Example:
        .. code-block:: yaml

            batch_predictions:
              type: regression_lifecycle.datasets.batch_predictions.BatchPredictionsDataset
              path: data/07_model_output/scored
    """

    def __init__(
        self,
        path: str,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe the dataset; nothing is read or written yet.

        Args:
            path: Folder, or a URL that fsspec knows, such as ``s3://bucket/scored``.
            credentials: For the file system.
            fs_args: Further arguments of the file system.
            metadata: For plugins such as Kedro-Viz.
        """
        self._protocol, root = get_protocol_and_path(path)
        self._root = PurePosixPath(root)
        self._fs_args = {**(credentials or {}), **(fs_args or {})}
        self._written: list[BatchPredictions] | None = None
        self.metadata = metadata

    def load(self) -> list[BatchPredictions]:
        """Look at the batches that were just saved; without any save at all that are there.

        Returns:
            The batches; their rows are read in pieces.
        """
        if self._written is not None:
            return list(self._written)
        found = self._fs().glob(f"{self._root}/*/v*.parquet")
        paths = [str(path) for path in found if not str(path).endswith(".rejected.parquet")]
        return [self._batch(path) for path in sorted(paths)]

    def save(self, data: ScoringRun) -> None:
        """Score, and write batch by batch.

        A batch whose rows are those that are stored leaves its file as it was. If a later batch
        fails, the finished ones stay.

        Args:
            data: The batches.

        Raises:
            DataContractError: If a batch breaks the contract; its old file stays.
        """
        self._written = []
        writer: _BatchWriter | None = None
        with ExitStack() as scratch:
            folder = Path(scratch.enter_context(self._scratch()))
            for piece in data:
                if writer is None or piece.batch != writer.batch:
                    self._keep(writer)
                    self._refuse_repeated(piece.batch)
                    writer = _BatchWriter(data, piece.batch, folder)
                    scratch.callback(writer.discard)
                writer.add(piece)
            self._keep(writer)
        if not self._written:
            LOGGER.warning("Nothing was scored: there are no %s", data)

    def _refuse_repeated(self, batch: str) -> None:
        # Only a table that is not in the order of time could come back to a batch.
        if any(batch == done.batch for done in self._written or []):
            raise DataContractError(f"batch '{batch}' begins twice; sort the table by time")

    def _keep(self, writer: _BatchWriter | None) -> None:
        """Put a finished batch in its place, unless the same is there."""
        if writer is None:
            return
        digest = writer.close()
        path = self._root / writer.batch / f"v{writer.model_version}.parquet"
        rejected = path.with_suffix(".rejected.parquet")
        if self._digest(str(path)) != digest:
            # The predictions last: they say that the rest is there.
            self._place(writer.rejected_file if writer.n_rejected else None, rejected)
            self._place(writer.rows_file if writer.n_rows else None, path)
        if writer.n_rows:
            assert self._written is not None
            self._written.append(self._batch(str(path)))
        LOGGER.info(
            "Batch '%s', version %s: %s scored, %d set aside; in %s",
            writer.batch,
            writer.model_version,
            counted(writer.n_rows, "row"),
            writer.n_rejected,
            path,
        )

    def _place(self, staged: Path | None, target: PurePosixPath) -> None:
        fs = self._fs()
        if staged is None:
            with suppress(FileNotFoundError):
                fs.rm_file(str(target))
        elif self._protocol == "file":
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            staged.replace(target)
        else:
            # Object stores replace an object as a whole.
            fs.put_file(str(staged), str(target))

    def _scratch(self) -> tempfile.TemporaryDirectory[str]:
        """A folder from which a file can be moved into its place in one step."""
        if self._protocol != "file":
            return tempfile.TemporaryDirectory()
        Path(self._root).mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=self._root, prefix=f".{os.getpid()}.")

    def _digest(self, path: str) -> str:
        try:
            return str(self._about(path)["digest"])
        except FileNotFoundError:
            return ""

    def _about(self, path: str) -> dict[str, Any]:
        from pyarrow import ArrowInvalid
        from pyarrow.parquet import read_metadata

        with self._fs().open(path, "rb") as file:
            try:
                about: dict[str, Any] = json.loads(read_metadata(file).metadata[_ABOUT])
                return about
            except (ArrowInvalid, KeyError, TypeError) as error:
                raise DataContractError(
                    f"{path} is damaged ({error}); delete it, and score the batch again"
                ) from error

    def _batch(self, path: str) -> BatchPredictions:
        about = self._about(path)
        about |= {name: pd.Timestamp(about[name]) for name in _MOMENTS}
        return BatchPredictions(**about, path=path, read=partial(self._read, path))

    def _read(self, path: str, first: pd.Timestamp, last: pd.Timestamp) -> Iterator[pd.DataFrame]:
        """Read the row groups in which rows from a first to a last moment may lie."""
        from pyarrow.parquet import ParquetFile

        with self._fs().open(path, "rb") as opened:
            file = ParquetFile(opened)
            # The key stands first, and the timestamp before the rest of it.
            groups = [
                number
                for number in range(file.num_row_groups)
                if _overlaps(file.metadata.row_group(number).column(0).statistics, first, last)
            ]
            for batch in file.iter_batches(READ_ROWS, row_groups=groups):
                yield batch.to_pandas()

    def _fs(self) -> Any:
        return open_file_system(self._protocol, self._root, **self._fs_args)

    def state(self) -> list[tuple[str, str]]:
        """Return what changes with every batch that is written, without opening any."""
        fs = self._fs()
        return [
            (str(path), fs.ukey(path)) for path in sorted(fs.glob(f"{self._root}/*/v*.parquet"))
        ]

    def _exists(self) -> bool:
        return bool(self._fs().glob(f"{self._root}/*/v*.parquet"))

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._root), "protocol": self._protocol}


def _overlaps(statistics: Any, first: pd.Timestamp, last: pd.Timestamp) -> bool:
    if statistics is None or not statistics.has_min_max:
        return True
    return bool(statistics.min <= last and statistics.max >= first)


class _BatchWriter:
    """Writes one batch into two files of a scratch folder."""

    def __init__(self, run: ScoringRun, batch: str, folder: Path) -> None:
        self.batch, self.model_version = batch, run.model_version
        self.rows_file = folder / f"{batch}.parquet"
        self.rejected_file = folder / f"{batch}.rejected.parquet"
        self.n_rows = self.n_rejected = 0
        self._trained_until = run.trained_until
        self._scored_at = datetime.now(UTC).replace(tzinfo=None)
        self._stamp = run.problem.timestamp.name
        self._first = self._last = pd.NaT
        self._judged = run.parameters.judged
        self._hash = hashlib.sha256(str(self._judged).encode())
        self._rows: ParquetWriter | None = None
        self._rejected: ParquetWriter | None = None

    def add(self, piece: ScoredPiece) -> None:
        self.n_rows += len(piece.rows)
        self.n_rejected += len(piece.rejected)
        # Row by row, so that the hash does not depend on how the table was cut.
        for frame in (piece.rows, piece.rejected):
            if len(frame):
                hashes = pd.util.hash_pandas_object(frame, index=False)
                self._hash.update(hashes.to_numpy().tobytes())
        if len(piece.rows):
            if self._rows is None:
                self._first = piece.rows[self._stamp].iloc[0]
            self._last = piece.rows[self._stamp].iloc[-1]
            stamped = piece.rows.assign(
                batch=pd.Categorical.from_codes([0] * len(piece.rows), [self.batch]),
                model_version=pd.Categorical.from_codes(
                    [0] * len(piece.rows), [self.model_version]
                ),
                scored_at=pd.Timestamp(self._scored_at).as_unit("us"),
            )
            self._rows = _append(self._rows, stamped, self.rows_file)
        if len(piece.rejected):
            self._rejected = _append(self._rejected, piece.rejected, self.rejected_file)

    def close(self) -> str:
        """Finish the files.

        Returns:
            Hash of the rows.
        """
        digest = self._hash.hexdigest()
        if self._rows is not None:
            about = {
                "batch": self.batch,
                "model_version": self.model_version,
                "trained_until": self._trained_until.isoformat(),
                "scored_at": self._scored_at.isoformat(),
                "first": self._first.isoformat(),
                "last": self._last.isoformat(),
                "judged": self._judged,
                "digest": digest,
                "n_rows": self.n_rows,
                "n_rejected": self.n_rejected,
            }
            self._rows.add_key_value_metadata({_ABOUT: json.dumps(about).encode()})
        self.discard()
        return digest

    def discard(self) -> None:
        """Close what is open."""
        for writer in (self._rows, self._rejected):
            if writer is not None:
                writer.close()


def _append(writer: ParquetWriter | None, frame: pd.DataFrame, path: Path) -> ParquetWriter:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    schema: pa.Schema | None = None if writer is None else writer.schema
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
    if writer is None:
        writer = ParquetWriter(path, table.schema)
    writer.write_table(table)
    return writer
