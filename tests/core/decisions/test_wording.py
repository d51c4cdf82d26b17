"""The one table of messages: what a person reads of every kind of reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import regression_lifecycle
from regression_lifecycle.core.decisions.records import Finding, Reason
from regression_lifecycle.core.decisions.rules import PolicyRule
from regression_lifecycle.core.decisions.wording import (
    SENTENCES,
    check_name,
    evidence,
    line,
    sentence,
    sentences,
)

SOURCE = Path(regression_lifecycle.__file__).parent

CHAMPION = {"opponent": "champion", "champion_version": "3"}
BASELINE = {"opponent": "baseline", "champion_version": ""}
LASTING = {"window": "w2", "n_bad": 2, "n_windows": 3, "violations": 2, "of": 3}
LASTED = "in window w2, above 10.0% in 2 of the newest 3 windows. It fires at 2 of 3, the newest"
METRIC = {"metric": "rmse", "of_baseline": True, "bound": "maximum"}
BIAS = {"value": 0.2, "threshold": 0.1, "bias": -0.2, "n_windows": 5}
ADDED_UP = {"statistic": "cusum", "prediction": "model", "bias": 0.47, "window": "w2"}
STATE = {
    **{"rule": "coverage", "kind": "coverage", "state": "1 of 2", "value": 0.4, "threshold": 0.25},
    **{"unit": "share", "bias": None, "prediction": None, "window": "w2", "counted_in": None},
}
ANSWER = {"version": "4", "champion_version": "3", "actor": "ann", "note": "ok"}
ERROR_MOVED = {"metric": "rmse", "value": 66.0, "before": 60.0, "version": "3"}
MOVE = {"version": "4", "champion_version": "3"}
PERFORMANCE = {"metric": "mae", "reference_windows": 4, "value": 0.9, "threshold": 0.1, **LASTING}


def proven(improvement, lower, asked):
    return {
        "metric": "rmse",
        "value": lower,
        "threshold": asked,
        "improvement": improvement,
        "confidence": 0.95,
        **CHAMPION,
    }


REMEMBERING = {"n_blocks": 26, "n_effective": 9.3, "memory": 0.48}
AGAIN = {"attempt": 3, "confidence": 1 - 0.05 / 9}
FELL_BACK = {"value": 0.25, "threshold": 0.2}

SEGMENT = {
    **{"metric": "rmse", "segment": "hr=8", "n_segments": 24, "value": 0.012, "threshold": 0.05},
    **CHAMPION,
}
MESSAGES = [
    (
        "training_overlap",
        {"value": 3.0, "threshold": 0, "trained_until": "2021-03-02 23:00:00"},
        "of the judged rows 3 are no later than 2021-03-02 23:00:00, up to which the candidate was",
    ),
    (
        "baseline_fallback",
        {**FELL_BACK, "baseline": "seasonal"},
        "the baseline (value one season ago) has no value in 25.0% of the rows, where the training "
        "mean stands in. Asked for: at most 20.0%",
    ),
    (
        "baseline_fallback",
        {**FELL_BACK, "value": 0.0, "baseline": "mean"},
        "the baseline is the training mean, which no row lacks",
    ),
    (
        "observed_improvement",
        {"metric": "mae", "value": -0.1, "threshold": 0.0, **BASELINE, "baseline": "last_value"},
        "MAE is 10.0% higher than the baseline's (last known value). Asked for: lower",
    ),
    (
        "rows",
        {"value": 1000.0, "threshold": 1001},
        "1,000 rows were judged. Asked for: at least 1,001",
    ),
    (
        "times",
        {"value": 20.0, "threshold": 24},
        "20 times were judged. Asked for: at least 24",
    ),
    (
        "metric",
        {"value": 0.81234, "threshold": 0.8, **METRIC},
        "candidate RMSE as a share of the baseline's is 0.8123. Asked for: at most 0.8",
    ),
    (
        "metric",
        {"value": 0.3, "threshold": 0.5, "metric": "r2", "of_baseline": False, "bound": "minimum"},
        "candidate R2 is 0.3. Asked for: at least 0.5",
    ),
    (
        "observed_improvement",
        {"metric": "rmse", "value": -0.05, "threshold": 0.0, **CHAMPION},
        "RMSE is 5.0% higher than the champion version 3's. Asked for: lower",
    ),
    (
        "observed_improvement",
        {"metric": "rmse", "value": 0.05, "threshold": -0.1, **BASELINE},
        "RMSE is 5.0% lower than the baseline's. Asked for: less than 10.0% higher",
    ),
    (
        "proven_improvement",
        proven(0.3, 0.2, 0.0),
        "RMSE is 30.0% lower than the champion version 3's, with 95% confidence at least 20.0% "
        "lower. Asked for: lower with that confidence",
    ),
    (
        "proven_improvement",
        proven(-0.3, -0.5, 0.0),
        "RMSE is 30.0% higher than the champion version 3's, with 95% confidence up to 50.0% "
        "higher. Asked for: lower with that confidence",
    ),
    (
        "proven_improvement",
        proven(0.01, -0.02, -0.05),
        "RMSE is 1.0% lower than the champion version 3's, with 95% confidence up to 2.0% higher. "
        "Asked for: at most 5.0% higher with that confidence",
    ),
    (
        "proven_improvement",
        {**proven(0.3, 0.2, 0.0), **REMEMBERING},
        "RMSE is 30.0% lower than the champion version 3's, with 95% confidence at least 20.0% "
        "lower (26 blocks count as 9, since neighbouring ones correlate by 0.48). Asked for: "
        "lower with that confidence",
    ),
    (
        "proven_improvement",
        {**proven(0.3, 0.2, 0.0), "n_blocks": 26, "n_effective": 26.4, "memory": -0.01},
        "RMSE is 30.0% lower than the champion version 3's, with 95% confidence at least 20.0% "
        "lower. Asked for: lower with that confidence",
    ),
    (
        "proven_improvement",
        {**proven(0.3, 0.2, 0.0), **AGAIN},
        "RMSE is 30.0% lower than the champion version 3's, with 99.44% confidence at least 20.0% "
        "lower. Asked for: lower with that confidence (surer than usual, since these rows judged "
        "2 other candidates before)",
    ),
    (
        "proven_improvement",
        {**proven(0.3, -999.0, 0.0)},
        "RMSE is 30.0% lower than the champion version 3's, with 95% confidence perhaps many times "
        "higher. Asked for: lower with that confidence",
    ),
    (
        "rows_used_up",
        {**CHAMPION, **AGAIN, "n_blocks": 8, "minimum_blocks": 9, "block": "7 days"},
        "the rows judged 2 other candidates against champion version 3 before, so one must be "
        "99.44% sure, which takes 9 blocks of 7 days, and there are 8; wait for new rows, or judge "
        "on more of them",
    ),
    (
        "segment",
        {**SEGMENT, "increase": 0.25},
        "RMSE in hr=8 is 25.0% higher than the champion version 3's; of equal models one of 24 "
        "segments is as much worse in 1.2% of cases. Asked for: at least 5.0%",
    ),
    ("segment", {**SEGMENT, "increase": None}, "RMSE in hr=8 differs from the champion version 3"),
    ("no_check", {}, "no check was made"),
    ("same_model", CHAMPION, "this is champion version 3 again"),
    ("rolled_back", {"version": "2"}, "version 2 was promoted on this very evidence and rolled"),
    ("asked_before", {"version": "2", "answer": "refused"}, "was refused on this very evidence"),
    ("asks", {"deadline": ""}, "a person has to approve it"),
    ("asks", {"deadline": "14 days"}, "a person has to approve it within 14 days"),
    (
        "approval_pending",
        {"version": "2", "n_windows": 1, "measured_windows": 2},
        "version 2 waits for approval; the next challenger is not trained before 2 new windows can "
        "judge it, and there is 1 so far",
    ),
    (
        "approved",
        {"version": "2", "champion_version": "1", "reason": "fine"},
        "version 2 in place of version 1: fine",
    ),
    (
        "approved",
        {"version": "1", "champion_version": "", "reason": "fine"},
        "version 1 as the first champion: fine",
    ),
    ("refused", {"version": "2", "champion_version": "1", "reason": "bad"}, "stays out: bad"),
    (
        "expired",
        {"version": "2", "until": "2021-03-15", "deadline": "14 days"},
        "version 2 could be approved until 2021-03-15, 14 days after",
    ),
    (
        "champion_changed",
        {"version": "2", "compared_with": "1", "champion_version": ""},
        "version 2 was compared with champion version 1, and now there is no champion",
    ),
    ("superseded", {"version": "2", "newer": "3"}, "version 3 is newer"),
    (
        "metric_undefined",
        METRIC,
        "share of the baseline's is not defined here (no rows, a baseline without an error)",
    ),
    ("missing_forecasts", {"n_missing": 3, "n_rows": 9}, "3 of 9 rows have no forecast"),
    (
        "too_few_blocks",
        {"n_blocks": 3, "block": "7 days", "minimum_blocks": 8},
        "there are 3 blocks of 7 days, and at least 8 are needed",
    ),
    ("opponent_without_error", {}, "no error in whole blocks"),
    ("improvement_undefined", {}, "the improvement is not defined"),
    (
        "no_new_rows",
        {"trained_until": "2021-04-01 00:00:00"},
        "the champion was trained until 2021-04-01 00:00:00, so none of the holdout rows is new",
    ),
    ("nothing_to_judge", {"champion_version": "3"}, "no complete window lies after the champion's"),
    ("nothing_to_judge", {"champion_version": ""}, "there is no complete window yet"),
    (
        "performance",
        {**PERFORMANCE, "relative_to": "baseline"},
        f"MAE as a share of the baseline's is 90.0% {LASTED}",
    ),
    (
        "performance",
        {**PERFORMANCE, "relative_to": "first_windows"},
        "MAE as a share of that of the first 4 windows is 90.0% in window w2",
    ),
    (
        "performance",
        {**PERFORMANCE, "relative_to": "target_mean"},
        "a share of the mean size of the target is",
    ),
    (
        "bias",
        {**BIAS, **LASTING, "statistic": "window", "prediction": "served"},
        f"bias as served is -20.0% {LASTED.replace('above', 'beyond')}",
    ),
    (
        "bias",
        {**BIAS, **ADDED_UP, "allowance": 0.05, "violations": 2},
        "bias of the model alone +47.0% in window w2; what exceeds 5.0% a window has added up to "
        "20.0% (too high) over 5 windows since the training. It fires at 10.0%, for which 2 "
        "windows are needed",
    ),
    (
        "bias",
        {
            **BIAS,
            **LASTING,
            **{"statistic": "window", "prediction": "model"},
            "false_alarms_per_year": 0.5,
            "calibrated_windows": 40,
        },
        "beyond 10.0% (0.5 false alarms a year, from 40 windows) in",
    ),
    (
        "coverage",
        {**BIAS, **LASTING, "false_alarms_per_year": 0.5, "calibrated_windows": 0},
        "below 90.0% (configured; 0.5 false alarms a year once it is calibrated) in",
    ),
    (
        "coverage",
        {**BIAS, **LASTING},
        "share of rows that the interval as served held is 80.0% in window w2, below 90.0% in 2",
    ),
    ("drift", {**BIAS, **LASTING}, f"share of drifted columns is 20.0% {LASTED}"),
    (
        "skew",
        {**BIAS, **LASTING, "compare": "predictions", "column": ""},
        f"served rows whose predictions differ from those made afterwards is 20.0% {LASTED}",
    ),
    (
        "skew",
        {
            **{**BIAS, **LASTING, "compare": "features", "column": "sky"},
            **{"share": 0.004, "served": None, "observed": None},
        },
        "among them; sky differs in 0.4% of the served rows",
    ),
    ("data_quality", {**BIAS, **LASTING}, f"missing or rejected data is 20.0% {LASTED}"),
    (
        "schedule",
        {"value": 84.04, "threshold": 84.0},
        "the newest training row is 84.0 days old, 84 days are the limit",
    ),
    ("no_labelled_window", {}, "no labelled window since the training"),
    ("no_served_row", {}, "the service answered no row since the training"),
    ("too_few_windows", {"n_windows": 1, "of": 2}, "1 window so far, and 2 are needed"),
    ("bias_undefined", {}, "the bias is not defined"),
    ("no_champion", {}, "there is no champion yet"),
    (
        "cooldown",
        {"n_windows": 1, "cooldown_windows": 2},
        "the last one was tried 1 window ago, and the next may begin 2 windows after it",
    ),
    ("no_rule_fired", {"not_computed": []}, "no rule fired"),
    (
        "no_rule_fired",
        {"not_computed": ["bias", "age"]},
        "no rule fired; not computed yet: bias, age",
    ),
    ("no_rule_computed", {}, "no rule could be computed yet"),
    (
        "rollback",
        {"champion_version": "2", "version": "1", "reason": "{too} high; at night"},
        "version 2 back to version 1: {too} high; at night",
    ),
    (
        "rule_state",
        STATE,
        "rule coverage: 1 of 2 windows that it takes to fire, 60.0% held (limit 75.0%) in window",
    ),
    ("rule_state", {**STATE, "state": "fired"}, "rule coverage: fired, 60.0% held (limit 75.0%)"),
    (
        "rule_state",
        {**STATE, "rule": "error", "kind": "performance", "state": "fired"},
        "rule error: fired, 40.0% (limit 25.0%) in window w2",
    ),
    ("rule_state", {**STATE, "state": "not computed", "value": None}, "coverage: not computed"),
    (
        "rule_state",
        {**STATE, "rule": "bias", "bias": 0.47, "prediction": "model"},
        "rule bias: 1 of 2 windows that it takes to fire, bias of the model alone +47.0% in window",
    ),
    (
        "rule_state",
        {**STATE, "rule": "age", "value": 84.0, "threshold": 84.0, "counted_in": "days"},
        "rule age: the newest training row is 84.0 days old, 84 days are the limit",
    ),
    (
        "unproven_champion",
        {"version": "4", "metric": "rmse", "value": None},
        "version 4 is new: no window of it has been judged yet",
    ),
    (
        "unproven_champion",
        {"version": "4", "metric": "rmse", "value": 48.46},
        "has been judged yet; the gate measured RMSE 48.5 on rows that it had not seen",
    ),
    ("restored_champion", {"version": "4"}, "version 4 is back in use"),
    ("answered", {**ANSWER, "answer": "approved"}, "version 4 approved by ann in place of version"),
    (
        "answered",
        {**ANSWER, "answer": "approved", "champion_version": "", "actor": "", "note": ""},
        "version 4 approved as the first champion",
    ),
    ("answered", {**ANSWER, "answer": "refused"}, "version 4 refused by ann, version 3 stays: ok"),
    (
        "answered",
        {**ANSWER, "answer": "rollback"},
        "version 3 rolled back by ann, version 4 is back in use: ok",
    ),
    ("labels_pending", {"windows": ["rows=0-499"]}, "window rows 0 to 499 waits for labels"),
    ("labels_pending", {"windows": ["w1", "w2"]}, "2 windows wait for labels: w1, w2"),
    (
        "candidate_waits",
        {"version": "4", "until": ""},
        "version 4 passed the gate and waits for approval",
    ),
    (
        "candidate_waits",
        {"version": "4", "until": "2021-03-01"},
        "version 4 passed the gate and waits for approval until the data reach 2021-03-01",
    ),
    ("candidate_refused", {"champion_version": "3"}, "challenger refused, version 3 stays"),
    ("candidate_refused", {"champion_version": ""}, "candidate refused"),
    ("promoted", MOVE, "version 4 promoted in place of version 3"),
    ("promoted", {**MOVE, "champion_version": ""}, "version 4 promoted, the first model"),
    (
        "newest_error",
        {"metric": "rmse", "value": 1234.5, "improvement": 0.4, "window": "w2", "version": "3"},
        "RMSE 1,234 of version 3 in window w2, 40.0% lower than the baseline's",
    ),
    (
        "newest_error",
        {
            **{"metric": "pinball", "value": 0.127, "improvement": None},
            **{"window": "rows=0-499", "version": "3"},
        },
        "pinball loss 0.127 of version 3 in window rows 0 to 499",
    ),
    (
        "newest_drift",
        {"columns": ["temp", "hum"], "n_columns": 9, "window": "w2"},
        "2 of 9 columns drifted in window w2: temp, hum",
    ),
    (
        "newest_drift",
        {"columns": [], "n_columns": 9, "window": "w2"},
        "none of 9 columns drifted in window w2",
    ),
    ("windows_judged", {"windows": []}, "no window has ended"),
    ("windows_judged", {"windows": ["w1"]}, "window w1 judged"),
    ("windows_judged", {"windows": ["w1", "w2"]}, "2 windows judged, the newest w2"),
    (
        "error_moved",
        {**ERROR_MOVED, "version_before": "3"},
        "RMSE 66 after 60 in the window before (+10.0%)",
    ),
    (
        "error_moved",
        {**ERROR_MOVED, "version_before": "2"},
        "RMSE 66 (version 3) after 60 in the window before (version 2) (+10.0%)",
    ),
    (
        "rule_changed",
        {"rule": "bias", "before": "quiet", "now": "1 of 2"},
        "rule bias: 1 of 2, before that quiet",
    ),
    ("next_nothing", {}, "nothing; the next tick looks again"),
    ("next_wait", {}, "nothing yet; the next tick looks again"),
    ("next_approve", {"version": "4"}, "approve version 4, or refuse it"),
    ("next_retrain", {}, "the policy asks for a retraining that has not been tried"),
    ("next_first_model", {}, "train a first model"),
    ("next_first_model_refused", {}, "give the model better features or more rows"),
    ("next_mend_performance", {"rule": "performance"}, "lost its lead over the naive forecast"),
    ("next_mend_data_quality", {"rule": "data_quality"}, "mend the source of the data"),
    ("next_mend_skew", {"rule": "skew"}, "mend what callers send"),
    ("next_mend_coverage", {"rule": "coverage"}, "rely less on the interval"),
    ("next_mend_alert", {"rule": "late"}, "look at what rule late found"),
    ("first_model", {}, "the first model"),
    ("due", {"policy": "every 4 windows"}, "every 4 windows"),
]


@pytest.mark.parametrize(("kind", "figures", "words"), MESSAGES)
def test_a_reason_is_said_with_its_figures(kind, figures, words):
    assert words in sentence(Reason(kind, figures))


def test_every_message_is_in_the_table_above():
    # The words of rules are looked at with the rules.
    assert {kind for kind, _, _ in MESSAGES} >= set(SENTENCES) - set(PolicyRule.kinds)


def test_every_reason_that_the_code_gives_has_words():
    code = "".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    given = set(re.findall(r'\bReason\(\s*"(\w+)"', code))

    assert "no_champion" in given
    assert given <= set(SENTENCES)


def test_a_reason_of_a_later_release_is_shown_as_it_is():
    assert sentence(Reason("cost_too_high", {"cost": 3})) == "cost too high: cost 3"
    assert sentence(Reason("odd")) == "odd"


def test_an_improvement_is_said_once_with_all_that_was_asked_of_it():
    baseline = {**BASELINE, "baseline": "seasonal"}
    compared = {**proven(0.02, -0.05, 0.01), **baseline}
    observed = {"metric": "rmse", "value": 0.02, "threshold": 0.1, **baseline}
    share = {"value": 0.98, "threshold": 0.9, **METRIC}
    rows = Reason("rows", {"value": 20.0, "threshold": 24})
    asked = [Reason("metric", share), rows, Reason("observed_improvement", observed)]

    said = sentences([*asked, Reason("proven_improvement", compared)])

    assert said == [
        "20 rows were judged. Asked for: at least 24",
        "RMSE is 2.0% lower than the baseline's (value one season ago), with 95% confidence up to "
        "5.0% higher. Asked for: more than 1.0% lower with that confidence, and as observed at "
        "most 0.9 of the baseline's and more than 10.0% lower",
    ]
    # One against another opponent, or without the comparison, is said for itself.
    other = Reason("proven_improvement", proven(0.02, -0.05, 0.01))
    assert len(sentences([*asked, other])) == 4
    assert len(sentences(asked)) == 3


@pytest.mark.parametrize("kind", ["expired", "proven_improvement", "bias", "rule_state"])
def test_a_reason_whose_figures_were_edited_is_shown_with_what_is_left(kind):
    assert sentence(Reason(kind, {"left": 1})) == f"{kind.replace('_', ' ')}: left 1"


def test_a_reason_that_holds_a_semicolon_is_still_one():
    reasons = [Reason("rollback", {**CHAMPION, "version": "1", "reason": "a; b"})] * 2

    assert len(sentences(reasons)) == 2
    assert line(reasons).count("a; b") == 2


@pytest.mark.parametrize(
    ("kind", "figures", "name"),
    [
        ("rows", {}, "rows"),
        ("metric", METRIC, "candidate RMSE as a share of the baseline's, at most"),
        ("observed_improvement", {"metric": "rmse", **BASELINE}, "RMSE observed against the base"),
        ("segment", {"metric": "mae", **CHAMPION}, "MAE of every segment against the champion v"),
        ("proven_improvement", {"metric": "mae", **CHAMPION}, "MAE better than the champion versi"),
    ],
)
def test_a_check_has_a_name_computed_or_not(kind, figures, name):
    asked = {"kind": kind, "value": None, "threshold": 1.0, "figures": figures}
    found = Finding(verdict="not computed", obstacle=Reason("improvement_undefined"), **asked)

    assert check_name(found).startswith(name)
    assert evidence(found) == "not computed: the improvement is not defined"


def test_the_constant_of_a_quantile_is_named_as_that_of_a_mean() -> None:
    figures = {"value": 0.0, "threshold": 0.2, "baseline": "quantile"}
    assert sentence(Reason("baseline_fallback", figures)) == (
        "the baseline is the training quantile, which no row lacks"
    )
