"""When an alert is due at which channel: once per window, not again too soon, again if it failed.

The data's clock counts, not the wall's, so that a replay of the past tells the same things at the
same moments.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from regression_lifecycle.core.alerting.alerts import LEVELS, Alert, AlertParameters
from regression_lifecycle.core.durations import AnyDuration

Status = Literal["sent", "failed"]

SENT: Status = "sent"
FAILED: Status = "failed"


@dataclass(frozen=True)
class Delivery:
    """An alert that is due at one channel.

    Attributes:
        channel: Name of the channel.
        attempts: How many runs tried it before.
    """

    alert: Alert
    channel: str
    attempts: int = 0


def due_alerts(
    alerts: Iterable[Alert], sent: pd.DataFrame, parameters: AlertParameters
) -> list[Delivery]:
    """Return which alerts have to go to which channels now.

    Args:
        alerts: What this run has to say.
        sent: The table of sent alerts, as ``SENT_ALERTS`` describes it.
        parameters: Channels, cooldown and how often a failed delivery is tried.

    Returns:
        Deliveries in the order of time: those that failed in earlier runs and were not tried too
        often, and the new ones that were neither sent for their window nor come too soon after
        the same alert. Each channel is looked at by itself.
    """
    rows = sent.to_dict(orient="records")
    given = list(alerts)
    return sorted(
        (
            delivery
            for channel in parameters.channels
            for delivery in _due_at(
                channel.label, given, [r for r in rows if r["channel"] == channel.label], parameters
            )
        ),
        key=lambda delivery: delivery.alert.as_of,
    )


def _due_at(
    channel: str, given: list[Alert], rows: list[dict[Any, Any]], parameters: AlertParameters
) -> Iterator[Delivery]:
    told = [(r["alert_key"], r["as_of"], r["level"]) for r in rows if r["status"] == SENT]
    done = {(r["alert_key"], r["window"]) for r in rows if r["status"] == SENT}
    failed = {(r["alert_key"], r["window"]): r for r in rows if r["status"] == FAILED}
    # What is given again is tried whatever the number of attempts: a person ran it again.
    wanted = {(alert.key, alert.window): alert for alert in given}
    for key, row in failed.items():
        if row["attempts"] < parameters.maximum_attempts:
            wanted.setdefault(key, _from_row(row))
    for key, alert in sorted(wanted.items(), key=lambda item: item[1].as_of):
        if key in done or (key not in failed and _too_soon(alert, told, parameters.cooldown)):
            continue
        told.append((alert.key, alert.as_of, alert.level))
        attempts = int(failed[key]["attempts"]) if key in failed else 0
        yield Delivery(alert, channel, attempts)


def _too_soon(
    alert: Alert, told: Iterable[tuple[str, pd.Timestamp, str]], cooldown: AnyDuration | None
) -> bool:
    return cooldown is not None and any(
        key == alert.key
        and max(alert.as_of, as_of) < min(alert.as_of, as_of) + cooldown
        and LEVELS.index(level) >= LEVELS.index(alert.level)
        for key, as_of, level in told
    )


def delivery_row(
    delivery: Delivery, status: Status, error: str = "", *, tried: bool = True
) -> dict[str, Any]:
    """Describe a delivery for the table of sent alerts.

    Args:
        delivery: What was delivered.
        status: ``sent`` or ``failed``.
        error: Why it failed; empty if it did not.
        tried: Whether the channel was asked at all.

    Returns:
        One row of ``SENT_ALERTS``; a failed alert can be made of it again.
    """
    alert = delivery.alert
    return {
        **alert.document(),
        "alert_key": alert.key,
        "as_of": alert.as_of,
        "details": json.dumps(dict(alert.details), sort_keys=True),
        "channel": delivery.channel,
        "status": status,
        "error": error,
        "attempts": delivery.attempts + tried,
    }


def _from_row(row: Mapping[Any, Any]) -> Alert:
    return Alert(
        row["alert_key"],
        row["level"],
        row["title"],
        row["text"],
        row["problem"],
        row["window"],
        row["as_of"],
        json.loads(row["details"]),
    )
