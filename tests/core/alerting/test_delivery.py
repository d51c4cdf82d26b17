"""When an alert is due: once per window and channel, not too soon, and again where it failed."""

from __future__ import annotations

import pandas as pd
import pytest

from regression_lifecycle.core.alerting.alerts import Alert, AlertParameters
from regression_lifecycle.core.alerting.delivery import FAILED, SENT, delivery_row, due_alerts
from regression_lifecycle.core.data.tables import SENT_ALERTS

TWO = [{"kind": "file", "path": "a", "name": "one"}, {"kind": "file", "path": "b", "name": "two"}]


def alert(day, key="p/rmse/3", level="warning"):
    moment = pd.Timestamp("2012-01-01") + pd.Timedelta(days=day)
    return Alert(key, level, "title", "text", "p", f"window {day}", moment, {"value": 1.5})


def parameters(**values):
    return AlertParameters.model_validate({"channels": TWO[:1], "cooldown": "14 days", **values})


def after(deliveries, status=SENT, before=None):
    """The table once the deliveries had this outcome."""
    rows = pd.DataFrame([delivery_row(delivery, status) for delivery in deliveries])
    known = [] if before is None else [before]
    return SENT_ALERTS.frame(pd.concat([*known, SENT_ALERTS.frame(rows)]))


def due(alerts, sent, **values):
    return due_alerts(alerts, sent, parameters(**values))


def windows(deliveries):
    return [delivery.alert.window for delivery in deliveries]


EMPTY = SENT_ALERTS.frame()


def test_the_same_window_is_never_told_twice():
    first = due([alert(0)], EMPTY)

    assert windows(first) == ["window 0"]
    assert due([alert(0)], after(first)) == []
    assert due([alert(0)], after(first), cooldown=None) == []


def test_within_the_cooldown_nothing_is_repeated_and_at_its_end_it_is():
    sent = after(due([alert(0)], EMPTY))

    assert due([alert(13)], sent) == []
    assert windows(due([alert(14)], sent)) == ["window 14"]
    assert windows(due([alert(13)], sent, cooldown=None)) == ["window 13"]


def test_a_cooldown_of_a_month_ends_with_the_day_of_the_next_month():
    first = alert(0)
    sent = after(due([first], EMPTY))
    over = (first.as_of + pd.DateOffset(months=1) - first.as_of).days

    assert due([alert(over - 1)], sent, cooldown="1 month") == []
    assert windows(due([alert(over)], sent, cooldown="1 month")) == [f"window {over}"]


def test_the_cooldown_goes_by_the_key():
    sent = after(due([alert(0)], EMPTY))

    assert windows(due([alert(7, key="p/rmse/4")], sent)) == ["window 7"]


def test_what_became_more_serious_is_told_at_once_but_not_what_became_less():
    warned = after(due([alert(0)], EMPTY))
    critical = after(due([alert(0, level="critical")], EMPTY))

    assert windows(due([alert(7, level="critical")], warned)) == ["window 7"]
    assert due([alert(7)], critical) == []


def test_a_replay_of_the_past_holds_the_same_cooldown():
    together = due([alert(day) for day in (28, 0, 7, 14, 21)], EMPTY)

    assert windows(together) == ["window 0", "window 14", "window 28"]


def test_a_failed_sink_is_tried_again_alone_even_if_nothing_new_happened():
    first, second = due([alert(0)], EMPTY, channels=TWO)
    sent = after([second], FAILED, before=after([first]))

    (again,) = due([], sent, channels=TWO)

    assert (again.channel, again.attempts, again.alert) == ("two", 1, alert(0))


def test_a_failed_alert_is_given_up_in_the_end_and_a_rerun_takes_it_up():
    sent = EMPTY
    for _ in range(3):
        sent = after(due([alert(0)] if sent.empty else [], sent), FAILED)

    assert sent["attempts"].tolist() == [3]
    assert due([], sent, maximum_attempts=3) == []
    assert windows(due([alert(0)], sent, maximum_attempts=3)) == ["window 0"]
    assert windows(due([alert(7)], sent, maximum_attempts=3)) == ["window 7"]


def test_while_an_alert_is_on_its_way_the_next_one_of_its_kind_waits():
    sent = after(due([alert(0)], EMPTY), FAILED)

    assert windows(due([alert(7)], sent)) == ["window 0"]


def test_a_sink_that_is_no_longer_configured_is_left_alone():
    sent = after(due([alert(0)], EMPTY, channels=TWO[1:]), FAILED)

    assert due([], sent) == []
    assert due([alert(0)], EMPTY, channels=[]) == []


@pytest.mark.parametrize("status", [SENT, FAILED])
def test_looking_changes_nothing(status):
    sent = after(due([alert(0)], EMPTY), status)
    before = sent.copy()

    due([alert(0), alert(20)], sent)

    pd.testing.assert_frame_equal(sent, before)
