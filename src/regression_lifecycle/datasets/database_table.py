"""The tables of ``core/data/tables.py`` as catalog entries: one row per key, kept between runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset

from regression_lifecycle.core.data.tables import STORED_TABLES
from regression_lifecycle.core.errors import ConfigurationError, unknown_name
from regression_lifecycle.datasets.previews import TablePreview, newest_first


class HistoryDataset(AbstractDataset[pd.DataFrame, pd.DataFrame]):
    """Rows of a SQL table. Saving adds rows and replaces those that changed, by their key.

    In a table that is append-only (``service_predictions``) a stored row stays as it was.

    Example:
        .. code-block:: yaml

            window_history:
              type: regression_lifecycle.datasets.database_table.HistoryDataset
              url: ${store:}
              table: window_history
    """

    def __init__(
        self,
        url: str,
        table: str,
        omit: Sequence[str] = (),
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe the dataset; the database is opened only on load and save.

        Args:
            url: SQLAlchemy URL of a SQLite or PostgreSQL database.
            table: Name of a table in ``core/data/tables.py``.
            omit: Columns that are not loaded, such as long texts that no node reads.
            metadata: For plugins such as Kedro-Viz.

        Raises:
            ConfigurationError: If there is no such table or column, or the key is omitted.
        """
        if table not in STORED_TABLES:
            raise ConfigurationError(unknown_name("history table", table, STORED_TABLES))
        self._url = url
        self._table = STORED_TABLES[table]
        others = [name for name in self._table.columns if name not in self._table.key]
        for name in omit:
            if name not in others:
                raise ConfigurationError(f"omit: {unknown_name('column', name, others)}")
        self._loaded = replace(
            self._table,
            columns={n: kind for n, kind in self._table.columns.items() if n not in omit},
        )
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """Read all rows.

        Returns:
            Rows in the dtypes of the table with ``recorded_at`` as last column, the oldest window
            first; empty if nothing is stored yet.
        """
        from regression_lifecycle.adapters.database import read_rows

        return read_rows(self._url, self._loaded)

    def save(self, data: pd.DataFrame) -> None:
        """Save rows by their key, in one transaction; equal rows stay as they were.

        All rows that are stored do so in a table that is append-only.

        Args:
            data: Rows with at least the columns of the key. Rows that are stored and not given
                stay.
        """
        from regression_lifecycle.adapters.database import upsert_rows

        upsert_rows(self._url, self._table, data)

    def preview(self, nrows: int = 10) -> TablePreview:
        """Show the newest rows in Kedro-Viz.

        Args:
            nrows: How many.

        Returns:
            The table in pandas' split form.
        """
        return newest_first(self.load(), nrows)

    def _exists(self) -> bool:
        return not self.load().empty

    def _describe(self) -> dict[str, Any]:
        from regression_lifecycle.adapters.database import without_credentials

        return {"url": without_credentials(self._url), "table": self._table.name}
