"""The ledger as a catalog entry: append-only, one row per decision."""

from __future__ import annotations

from typing import Any

import pandas as pd
from kedro.io import AbstractDataset

from regression_lifecycle.adapters import database
from regression_lifecycle.core.decisions.records import Reason, from_cell
from regression_lifecycle.core.decisions.wording import line
from regression_lifecycle.datasets.previews import TablePreview, newest_first

PREVIEWED = ["recorded_at", "kind", "decision", "candidate_version", "as_of", "reasons"]


class LedgerDataset(AbstractDataset[list[dict[str, Any]], pd.DataFrame]):
    """Decisions in a SQL table. Saving adds what is new and never changes a row.

    Example:
        .. code-block:: yaml

            ledger:
              type: regression_lifecycle.datasets.ledger.LedgerDataset
              url: ${store:}
    """

    def __init__(self, url: str, metadata: dict[str, Any] | None = None) -> None:
        """Describe the dataset; the database is opened only on load and save.

        Args:
            url: SQLAlchemy URL.
            metadata: For plugins such as Kedro-Viz.
        """
        self._url = url
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """Read all decisions, the oldest first.

        Returns:
            One row per decision.
        """
        return database.read_decisions(self._url)

    def save(self, data: list[dict[str, Any]]) -> None:
        """Add the decisions that are not there yet.

        Args:
            data: Decisions, each with ``decision_id``.
        """
        database.append_decisions(self._url, data)

    def state(self) -> list[Any]:
        """Return what changes with every decision, without reading any."""
        return database.ledger_state(self._url)

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
        return {"url": database.without_credentials(self._url), "table": database.LEDGER}
