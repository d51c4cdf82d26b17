"""Tables of the store as catalog entries: one row per key, kept between runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import pandas as pd
from kedro.io import AbstractDataset, DatasetError

from regression_lifecycle.adapters import database
from regression_lifecycle.core.data.tables import STORED_TABLES, HistoryTable, ReadRows
from regression_lifecycle.core.errors import ConfigurationError, unknown_name
from regression_lifecycle.datasets.previews import TablePreview, newest_first


class _StoredTable(AbstractDataset[Any, Any]):
    """What is the same for every entry that stands for a table of the store."""

    def __init__(
        self,
        url: str,
        table: str,
        problem: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe the dataset; the database is opened only when rows are read or saved.

        Args:
            url: SQLAlchemy URL of a SQLite or PostgreSQL database.
            table: Name of a table in ``core/data/tables.py``.
            problem: The section of the parameters: of several problems that share a database only
                the rows of this one are looked at. None for all rows.
            metadata: For plugins such as Kedro-Viz.

        Raises:
            ConfigurationError: If there is no such table, or its rows belong to no problem.
        """
        self._url = url
        self._table = _stored_table(table)
        if problem is not None and "problem" not in self._table.columns:
            raise ConfigurationError(f"the rows of '{table}' belong to no problem; leave it out")
        self._own = {} if problem is None else {"problem": problem["name"]}
        self.metadata = metadata

    def state(self) -> list[Any]:
        """Return what changes with every write of such rows, without reading them."""
        return database.history_state(self._url, self._table, self._own)

    def preview(self, nrows: int = 10) -> TablePreview:
        """Show the newest rows in Kedro-Viz.

        Args:
            nrows: How many.

        Returns:
            The table in pandas' split form.
        """
        newest = database.read_newest(self._url, self._table, nrows, self._own)
        return newest_first(newest, nrows)

    def _exists(self) -> bool:
        return database.has_rows(self._url, self._table, self._own)

    def _describe(self) -> dict[str, Any]:
        place = {"url": database.without_credentials(self._url), "table": self._table.name}
        return {**place, **self._own}


class HistoryDataset(_StoredTable):
    """Rows of a SQL table. Saving adds rows and replaces those that changed, by their key.

    In a table that is append-only (``service_predictions``) a stored row stays as it was.

    Example:
        .. code-block:: yaml

            window_history:
              type: regression_lifecycle.datasets.database_table.HistoryDataset
              url: ${store:}
              table: window_history
              problem: "${parameter:problem}"
    """

    def load(self) -> pd.DataFrame:
        """Read all rows of the problem.

        Returns:
            Rows in the dtypes of the table with ``recorded_at`` as last column, the oldest window
            first; empty if nothing is stored yet.
        """
        return database.read_rows(self._url, self._table, self._own)

    def save(self, data: pd.DataFrame) -> None:
        """Save rows by their key, in one transaction; equal rows stay as they were.

        All rows that are stored do so in a table that is append-only.

        Args:
            data: Rows with at least the columns of the key. Rows that are stored and not given
                stay.
        """
        database.upsert_rows(self._url, self._table, data)


class TableReaderDataset(_StoredTable):
    """A SQL table of which a node reads some rows, as it reads some of Kedro's partitions.

    Loading reads nothing: it gives a function that does, by values and ranges of columns. It is
    meant for tables that only grow, of which no run should read every row.

    Example:
        .. code-block:: yaml

            recorded_predictions:
              type: regression_lifecycle.datasets.database_table.TableReaderDataset
              url: ${store:}
              table: predictions
              problem: "${parameter:problem}"
    """

    def load(self) -> ReadRows:
        """Return the function that reads rows of the problem."""
        own = self._own

        def read(
            where: Mapping[str, Any] | None = None, columns: Sequence[str] | None = None
        ) -> pd.DataFrame:
            return database.read_rows(self._url, self._table, {**(where or {}), **own}, columns)

        return read

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse to save.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError("this entry only reads; save by an entry of type HistoryDataset")


def _stored_table(name: str) -> HistoryTable:
    if name not in STORED_TABLES:
        raise ConfigurationError(unknown_name("history table", name, STORED_TABLES))
    return STORED_TABLES[name]
