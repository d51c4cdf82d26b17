"""The ledger as a catalog entry: append-only, one row per decision."""

from __future__ import annotations

from typing import Any

import pandas as pd
from kedro.io import AbstractDataset

from regression_lifecycle.core.decisions.records import Reason, from_cell
from regression_lifecycle.core.decisions.wording import line
from regression_lifecycle.core.errors import ConfigurationError, unknown_name
from regression_lifecycle.datasets.previews import TablePreview, newest_first

PREVIEWED = ["recorded_at", "kind", "decision", "candidate_version", "as_of", "reasons"]


class LedgerDataset(AbstractDataset[list[dict[str, Any]], pd.DataFrame]):
    """Decisions in a SQL table. Saving adds what is new and never changes a row.

    Example:
        .. code-block:: yaml

            ledger:
              type: regression_lifecycle.datasets.ledger.LedgerDataset
              url: ${store:}
              table: ledger
    """

    def __init__(self, url: str, table: str, metadata: dict[str, Any] | None = None) -> None:
        """Describe the dataset; the database is opened only on load and save.

        Args:
            url: SQLAlchemy URL.
            table: Name of the table, which is ``ledger``: the store has one.
            metadata: For plugins such as Kedro-Viz.

        Raises:
            ConfigurationError: If the table has another name.
        """
        from regression_lifecycle.adapters.database import LEDGER

        if table != LEDGER:
            raise ConfigurationError(unknown_name("ledger table", table, [LEDGER]))
        self._url = url
        self._table = table
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """Read all decisions, the oldest first.

        Returns:
            One row per decision.
        """
        from regression_lifecycle.adapters.database import read_decisions

        return read_decisions(self._url)

    def save(self, data: list[dict[str, Any]]) -> None:
        """Add the decisions that are not there yet.

        Args:
            data: Decisions, each with ``decision_id``.
        """
        from regression_lifecycle.adapters.database import append_decisions

        append_decisions(self._url, data)

    def state(self) -> list[Any]:
        """Return what changes with every decision, without reading any."""
        from regression_lifecycle.adapters.database import ledger_state

        return ledger_state(self._url)

    def preview(self, nrows: int = 10) -> TablePreview:
        """Show the newest decisions in Kedro-Viz, their reasons in words.

        Args:
            nrows: How many.

        Returns:
            The table in pandas' split form.
        """
        newest = self.load()[PREVIEWED].tail(nrows)
        words = [line(from_cell(cell, Reason)) for cell in newest["reasons"]]
        return newest_first(newest.assign(reasons=words), nrows)

    def _exists(self) -> bool:
        return not self.load().empty

    def _describe(self) -> dict[str, Any]:
        from regression_lifecycle.adapters.database import without_credentials

        return {"url": without_credentials(self._url), "table": self._table}
