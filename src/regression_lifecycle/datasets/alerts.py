"""Alerts as a catalog entry: saving sends what is due, and keeps a record of it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset
from pydantic import ValidationError

from regression_lifecycle.adapters import database, notifications
from regression_lifecycle.core.alerting.alerts import Alert, AlertParameters
from regression_lifecycle.core.alerting.delivery import FAILED, Delivery, delivery_row, due_alerts
from regression_lifecycle.core.data.tables import SENT_ALERTS
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.datasets.previews import TablePreview, newest_first

LOGGER = logging.getLogger(__name__)
PREVIEWED = ["as_of", "level", "title", "channel", "status", "error"]


class AlertDataset(AbstractDataset[list[Alert], pd.DataFrame]):
    """Sends alerts, each once, and records every delivery in a SQL table.

    A channel that fails is recorded as such and tried again later; it never stops the run.

    Example:
        .. code-block:: yaml

            alerts:
              type: regression_lifecycle.datasets.alerts.AlertDataset
              url: ${store:}
              parameters: ${parameter:alerts}
              root: ${root:}
    """

    def __init__(
        self,
        url: str,
        parameters: dict[str, Any],
        root: str = "",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe the dataset; the database is opened only on load and save.

        Args:
            url: SQLAlchemy URL of a SQLite or PostgreSQL database.
            parameters: The section ``alerts`` of the parameters.
            root: Folder that relative paths of file channels start from.
            metadata: For plugins such as Kedro-Viz.

        Raises:
            ConfigurationError: If the parameters are wrong.
        """
        try:
            self._parameters = AlertParameters.model_validate(parameters)
        except ValidationError as error:
            raise ConfigurationError(_mistakes(error)) from None
        self._url = url
        self._root = Path(root)
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """Read what was sent.

        Returns:
            One row per alert, window and channel, the oldest first.
        """
        return database.read_rows(self._url, SENT_ALERTS).sort_values(
            "as_of", kind="stable", ignore_index=True
        )

    def save(self, data: list[Alert]) -> None:
        """Send the alerts that are due, those that failed before among them.

        Args:
            data: What this run has to say; may be empty.
        """
        unreachable: set[str] = set()
        for delivery in due_alerts(data, self.load(), self._parameters):
            self._deliver(delivery, unreachable)

    def _deliver(self, delivery: Delivery, unreachable: set[str]) -> None:
        alert, channel = delivery.alert, delivery.channel
        # Many alerts must not add up to many timeouts.
        tried = channel not in unreachable
        outcome = notifications.Outcome(FAILED, "not tried: the channel had just failed to answer")
        if tried:
            place = next(place for place in self._parameters.channels if place.label == channel)
            outcome = notifications.deliver(place, alert, self._root)
        if outcome.unreachable:
            unreachable.add(channel)
        if outcome.status == FAILED:
            LOGGER.warning("alert not sent by '%s' (%s): %s", channel, outcome.error, alert.title)
        # At once, so that a crash among many repeats one alert at most.
        row = delivery_row(delivery, outcome.status, outcome.error, tried=tried)
        database.upsert_rows(self._url, SENT_ALERTS, pd.DataFrame([row]))

    def preview(self, nrows: int = 10) -> TablePreview:
        """Show the newest alerts in Kedro-Viz.

        Args:
            nrows: How many.

        Returns:
            The table in pandas' split form.
        """
        return newest_first(self.load()[PREVIEWED], nrows)

    def _exists(self) -> bool:
        return not self.load().empty

    def _describe(self) -> dict[str, Any]:
        return {
            "url": database.without_credentials(self._url),
            "channels": [channel.label for channel in self._parameters.channels],
        }


def _mistakes(error: ValidationError) -> str:
    return "\n".join(
        "  alerts." + ".".join(str(part) for part in mistake["loc"]) + f": {mistake['msg']}"
        for mistake in error.errors(include_url=False, include_input=False)
    )
