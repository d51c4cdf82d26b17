"""Parameters are checked before a run: one line per mistake, with the place and the mend."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest

from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.pipeline_registry import LOOP, register_pipelines
from regression_lifecycle.runtime.parameter_check import check_parameters, read_sections
from tests.conftest import ROOT
from tests.shipped import ENVIRONMENTS, open_loader

Mistakes = Callable[..., list[str]]


@pytest.fixture(scope="module")
def mistakes() -> Mistakes:
    """Checks the parameters of the test environment with changes; gives the lines of the error."""
    pipelines = register_pipelines()
    shipped = lru_cache(open_loader)

    def check(*names: str, env: str = "test", **changes: Any) -> list[str]:
        changed = with_plain_model(copy.deepcopy(changes))
        loader = open_loader(env, **changed) if changed else shipped(env)
        parameters = loader["parameters"]
        known = {name: pipelines[name] for name in names or ["__default__"]}
        try:
            check_parameters(parameters, changes, known, loader.configured_parameters)
        except ConfigurationError as error:
            lines = str(error).split("\n")
            assert all(line.startswith("  ") for line in lines)
            return [line[2:] for line in lines]
        return []

    return check


def features(*specs: dict[str, Any]) -> dict[str, Any]:
    return {"features": list(specs)}


def estimator(path: str, **params: Any) -> dict[str, Any]:
    return {"model": {"estimator": {"class": path, "params": params}}}


def with_plain_model(changes: dict[str, Any]) -> dict[str, Any]:
    """Changes of features with a model that names none of them."""
    ridge = estimator("sklearn.linear_model.Ridge")
    return {"training": ridge, **changes} if "preprocessing" in changes else changes


FOREST = "sklearn.ensemble.RandomForestRegressor"
HOUR = {"kind": "columns", "names": ["hr"]}


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_what_the_project_ships_has_no_mistake(mistakes: Mistakes, env: str) -> None:
    assert mistakes(env=env) == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        pytest.param(
            {"training": {"cross_validatoin": {}}},
            "training: unknown key 'cross_validatoin'; did you mean 'cross_validation'? Allowed: "
            "compute, cross_validation, model, search",
            id="key",
        ),
        pytest.param(
            {"ingestion": {"maximum_rejected_share": 3}},
            "ingestion.maximum_rejected_share: 3 is above 1, the largest value allowed; write "
            "0.03 for 3 %",
            id="out of range",
        ),
        pytest.param(
            {"preprocessing": features({"kind": "columns", "names": ["hr", "casual"]})},
            "preprocessing.features: feature column 'casual': 'casual' is forbidden (a part of the "
            "target)",
            id="part of the target as a feature",
        ),
        pytest.param(
            {"drift": {"maximum_rows": "all"}},
            "drift.maximum_rows: a whole number is needed, not 'all'; null for all rows",
            id="a word for null",
        ),
        pytest.param(
            {"problem": {"columns": {"hum": {"maximum": "none"}}}},
            "problem.columns.hum.maximum: 'none' is no number and no moment; write for example 0.5 "
            "or '2020-01-31'; null for no bound",
            id="a word for null in a column",
        ),
    ],
)
def test_a_mistake_is_one_line(mistakes: Mistakes, changes: dict[str, Any], line: str) -> None:
    assert mistakes(**changes) == [line]


@pytest.mark.parametrize(
    ("changes", "beginning"),
    [
        pytest.param(
            {"evaluation": {"segments": ["casual"]}},
            "evaluation.segments: unknown column 'casual'",
            id="segment that is not known ahead",
        ),
    ],
)
def test_a_mistake_is_one_line_that_begins_with_its_place(
    mistakes: Mistakes, changes: dict[str, Any], beginning: str
) -> None:
    (line,) = mistakes(**changes)

    assert line.startswith(beginning)


def test_a_section_that_nobody_knows_is_told_with_those_in_the_files(mistakes: Mistakes) -> None:
    (line,) = mistakes(trainnig={"model": {}})

    before, _, allowed = line.partition(" Allowed: ")
    assert before == "unknown parameter 'trainnig'; did you mean 'training'?"
    files = (ROOT / "conf" / "base").glob("parameters_*.yml")
    sections = {path.stem.removeprefix("parameters_") for path in files}
    assert set(allowed.split(", ")) == {*sections, "as_of"}


def test_all_mistakes_are_told_at_once(mistakes: Mistakes) -> None:
    lines = mistakes(
        trainnig={}, ingestion={"minimum_rows": 0}, evaluation={"worst_rows": 0, "report_rows": 1}
    )

    assert [line.split(":")[0].split(";")[0] for line in lines] == [
        "unknown parameter 'trainnig'",
        "ingestion.minimum_rows",
        "evaluation.worst_rows",
        "evaluation.report_rows",
    ]


RULE = {"kind": "bias", "maximum": 0.1}


def policy(**rules: Any) -> dict[str, Any]:
    return {"policy": {"rules": rules}}


@pytest.mark.parametrize(
    ("pipeline", "changes", "line"),
    [
        pytest.param(
            "monitoring",
            policy(level={**RULE, "maximun": 0.1}),
            "policy.rules.level: unknown key 'maximun'; did you mean 'maximum'? Allowed: "
            "action, false_alarms_per_year, kind, maximum, of, prediction, standard_errors, "
            "statistic, violations",
            id="key of a rule",
        ),
        pytest.param(
            "monitoring",
            {"policy": {"rules": None}},
            "policy.rules: keys and values are needed, not null",
            id="no rules",
        ),
        pytest.param(
            "monitoring",
            policy(level={**RULE, "false_alarms_per_year": "off"}),
            "policy.rules.level.false_alarms_per_year: a number is needed, not 'off'; null keeps "
            "the configured limit",
            id="a word for null in a rule",
        ),
        pytest.param(
            "monitoring",
            {"windows": {"kind": "column", "column": "yeer"}},
            "windows.column: unknown column 'yeer'; did you mean 'yr'? Allowed: ",
            id="column of windows",
        ),
        pytest.param(
            "approval",
            {"approval": {"answer": "aprove"}},
            "approval.answer: unknown value 'aprove'; did you mean 'approve'? Allowed: approve, "
            "refuse",
            id="an answer that is none",
        ),
        pytest.param(
            "evaluation",
            {"promotion": "aks"},
            "promotion: unknown kind 'aks'; did you mean 'ask'? Allowed: ask, automatic",
            id="kind of a promotion",
        ),
        pytest.param(
            "rollback",
            {"rollback": {"verson": 3}},
            "rollback: unknown key 'verson'; did you mean 'version'? Allowed: actor, reason, "
            "version",
            id="key of a rollback",
        ),
    ],
)
def test_a_mistake_in_the_loop_is_one_line(
    mistakes: Mistakes, pipeline: str, changes: dict[str, Any], line: str
) -> None:
    (said,) = mistakes(pipeline, **changes)

    assert said == line or (line.endswith("Allowed: ") and said.startswith(line))


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("pipeline", LOOP)
def test_what_the_project_ships_for_the_loop_has_no_mistake(
    mistakes: Mistakes, pipeline: str, env: str
) -> None:
    assert mistakes(pipeline, env=env) == []


def test_numbers_from_the_command_line_are_versions_and_reasons(mistakes: Mistakes) -> None:
    assert mistakes("rollback", rollback={"version": 3, "reason": 404}) == []
    assert mistakes("monitoring", as_of="2011-03-05") == []


def test_segments_are_checked_in_a_pipeline_that_makes_no_features(mistakes: Mistakes) -> None:
    (line,) = mistakes("evaluation", evaluation={"segments": ["wether"]})

    assert line.startswith("evaluation.segments: unknown column 'wether'")
    assert mistakes("evaluation", evaluation={"segments": ["day_index"]}) == []


def test_a_parameter_that_the_pipeline_does_not_use_is_not_called_unknown(
    mistakes: Mistakes,
) -> None:
    assert mistakes("training", ingestion={"minimum_rows": 5}) == [
        "ingestion is used by none of the pipelines that are to run (training); leave it out"
    ]


def test_a_section_that_is_nowhere_is_asked_for() -> None:
    pipelines = {"ingestion": register_pipelines()["ingestion"]}

    with pytest.raises(ConfigurationError) as caught:
        check_parameters({}, {}, pipelines, ())

    assert str(caught.value).split("\n") == [
        "  problem is not configured; add it to a parameters_*.yml",
        "  ingestion is not configured; add it to a parameters_*.yml",
    ]


LAST_WEEK = {"kind": "lag", "name": "last_week", "column": "cnt", "ages": ["14 days"]}


def sections(**changes: Any) -> dict[str, Any]:
    """All parameters of the test environment, to be changed at will."""
    return dict(open_loader("test", **with_plain_model(changes))["parameters"])


def lines_of(raw: dict[str, Any], pipeline: str) -> list[str]:
    try:
        check_parameters(raw, (), {pipeline: register_pipelines()[pipeline]}, ())
    except ConfigurationError as error:
        return [line[2:] for line in str(error).split("\n")]
    return []


def test_a_lag_of_what_is_not_labelled_yet_is_refused() -> None:
    raw = sections(preprocessing=features(HOUR, LAST_WEEK))
    for delay in (None, "7 days"):
        raw["problem"]["label_delay"] = delay
        assert lines_of(raw, "training") == []
    raw["problem"]["label_delay"] = "8 days"
    assert any("evaluation.baseline.season: 7 days" in line for line in lines_of(raw, "evaluation"))
    raw["evaluation"]["baseline"]["season"] = "364 days"

    # The section stands in the files, whether the pipeline uses it or not.
    for pipeline in ("training", "preprocessing", "monitoring", "retraining"):
        assert lines_of(raw, pipeline) == [
            "preprocessing.features: feature 'last_week' reads 'cnt' 14 days ago, which "
            "is not known yet when predicting 7 days ahead with a problem.label_delay "
            "of 8 days; use ages from 15 days on"
        ]


def test_a_delay_of_labels_does_not_touch_lags_of_what_is_known_ahead(mistakes: Mistakes) -> None:
    changes = {
        "preprocessing": features(HOUR, {**LAST_WEEK, "column": "hum", "ages": ["1 hour"]}),
        "problem": {"label_delay": "28 days"},
    }

    assert mistakes("retraining", **changes) == []


def test_a_lag_of_another_late_column_waits_for_the_delay_too() -> None:
    raw = sections(preprocessing=features(HOUR, {**LAST_WEEK, "column": "windspeed"}))
    raw["problem"]["columns"]["windspeed"]["known_in_advance"] = False
    raw["problem"]["label_delay"] = "28 days"
    raw["evaluation"]["baseline"]["season"] = "364 days"

    (line,) = lines_of(raw, "retraining")

    assert "reads 'windspeed' 14 days ago" in line
    assert line.endswith("use ages from 35 days on")


TAKEN = (
    *("prediction", "raw_prediction", "level_factor", "lower", "upper", "baseline", "champion"),
    *("candidate", "error", "window", "window_index", "row_key", "model_version", "problem"),
)


def test_a_column_of_the_tables_of_the_loop_is_no_raw_column() -> None:
    raw = sections()
    columns = raw["problem"]["columns"]
    for name in TAKEN:
        raw["problem"]["columns"] = {**columns, name: {"type": "float", "known_in_advance": True}}

        assert lines_of(raw, "ingestion") == [
            f"problem.columns: {name} would be overwritten by the columns of that name that "
            "predictions are stored with; rename in the file, or leave out of problem.columns"
        ]
    for name in ("target", "timestamp_of_sale", "lower_limit"):
        raw["problem"]["columns"] = {**columns, name: {"type": "float", "known_in_advance": True}}
        assert lines_of(raw, "ingestion") == []


def test_target_and_key_are_no_columns_of_the_loop_either() -> None:
    raw = sections(preprocessing=features(HOUR), drift={"columns": ["hr"]})
    columns = raw["problem"]["columns"]
    columns["window"] = {"type": "integer"}
    columns["prediction"] = columns.pop("cnt")
    raw["problem"] |= {"key": ["timestamp", "window"], "target": "prediction"}

    (line,) = lines_of(raw, "monitoring")

    assert line.startswith("problem.columns: window, prediction would be overwritten ")


def test_a_late_column_that_never_stands_beside_predictions_may_have_their_names() -> None:
    raw = sections()
    raw["problem"]["columns"]["baseline"] = {"type": "float", "known_in_advance": False}

    assert lines_of(raw, "retraining") == []


def test_a_made_feature_is_not_called_as_a_column_of_the_loop(mistakes: Mistakes) -> None:
    (line,) = mistakes(preprocessing=features(HOUR, {**LAST_WEEK, "name": "baseline"}))

    assert line == (
        "preprocessing.features: baseline would be overwritten by the columns of that name that "
        "predictions are stored with; choose other names"
    )


@pytest.mark.parametrize(
    ("place", "pipeline"), [("evaluation.windows", "evaluation"), ("windows", "retraining")]
)
def test_windows_by_a_column_need_one_that_is_there(
    mistakes: Mistakes, place: str, pipeline: str
) -> None:
    def said(column: str) -> list[str]:
        windows = {"kind": "column", "column": column}
        changes = (
            {"windows": windows} if place == "windows" else {"evaluation": {"windows": windows}}
        )
        return mistakes(pipeline, **changes)

    (line,) = said("yeer")

    assert line.startswith(f"{place}.column: unknown column 'yeer'; did you mean 'yr'?")
    assert said("season") == []


def test_windows_of_the_holdout_are_cut_by_what_the_holdout_has(mistakes: Mistakes) -> None:
    def said(column: str) -> list[str]:
        return mistakes(evaluation={"windows": {"kind": "column", "column": column}})

    assert said("day_index") == []
    (line,) = said("registered")
    assert line.startswith("evaluation.windows.column: unknown column 'registered'")
    # Of all observations it is there.
    windows = {"kind": "column", "column": "registered"}
    assert mistakes("monitoring", windows=windows) == []


@pytest.mark.parametrize(
    ("place", "pipeline"), [("evaluation.windows", "evaluation"), ("windows", "retraining")]
)
def test_a_table_without_a_time_has_no_months(place: str, pipeline: str) -> None:
    windows = {"kind": "period", "period": "month"}
    changes = {"windows": windows} if place == "windows" else {"evaluation": {"windows": windows}}
    raw = sections(preprocessing=features(HOUR), **changes)
    assert lines_of(raw, pipeline) == []
    raw["problem"]["timestamp"] = {"rows": True}

    assert lines_of(raw, pipeline) == [
        f"{place}.period: month needs a calendar, and the table has none "
        "(problem.timestamp.rows); use kind rows, length or column"
    ]
    section = raw if place == "windows" else raw["evaluation"]
    section["windows"] = {"kind": "length", "length": "500 hours"}
    assert lines_of(raw, pipeline) == []


@pytest.mark.parametrize(
    ("changes", "start", "end"),
    [
        (
            {"windows": {"kind": "length", "length": "7 days", "minimum_rows": 169}},
            "windows.minimum_rows: no window ever has 169 rows, since 7 days hold 168 at most",
            "use minimum_rows: 10, or windows of 28 days",
        ),
        (
            {"windows": {"kind": "period", "period": "day", "minimum_rows": 25}},
            "windows.minimum_rows: no window ever has 25 rows, since 1 day hold 24 at most",
            "use minimum_rows: 10, or windows of 28 days",
        ),
        (
            {
                "windows": {
                    "kind": "explicit",
                    "minimum_rows": 60,
                    "windows": [{"start": "2011-01-29", "end": "2011-01-31"}],
                }
            },
            "windows.minimum_rows: no window ever has 60 rows, since 2 days hold 48 at most",
            "use minimum_rows: 10, or windows of 28 days",
        ),
        (
            {"windows": {"kind": "rows", "rows": 20}, "drift": {"minimum_rows": 40}},
            "drift.minimum_rows: no window ever has 40 values, since it is of 20 rows",
            "use 15",
        ),
    ],
)
def test_a_count_that_no_window_reaches_is_refused(
    mistakes: Mistakes, changes: dict[str, Any], start: str, end: str
) -> None:
    line = mistakes("monitoring", **changes)[0]
    assert line.startswith(start)
    assert line.endswith(end)


def test_windows_that_can_never_give_an_interval_are_refused(mistakes: Mistakes) -> None:
    def said(**interval: Any) -> list[str]:
        windows = {"kind": "length", "length": "1 day", "minimum_rows": 10}
        found = mistakes("monitoring", windows=windows, adjustment={"interval": interval})
        return [line for line in found if "interval" in line]

    (line,) = said(windows=3, minimum_rows=80)
    assert line == (
        "adjustment.interval.windows: 3 windows can never have the 80 rows that minimum_rows asks "
        "for, since 1 day hold 24 at most, one every 1 hour, so there would be no interval; "
        "use windows: 4, or minimum_rows: 72"
    )
    assert said(windows=4, minimum_rows=80) == said(windows=3, minimum_rows=72) == []
    # A level of 0.99 needs 99 rows, so fewer are no way out.
    (line,) = said(windows=3, level=0.99, minimum_rows=100)
    assert line.endswith("use windows: 5")


def test_windows_that_can_never_judge_a_challenger_are_refused(mistakes: Mistakes) -> None:
    def said(**retraining: Any) -> list[str]:
        windows = {"kind": "length", "length": "1 day", "minimum_rows": 10}
        return mistakes("retraining", windows=windows, retraining=retraining)

    gate = {"minimum_rows": 100, "comparison": {"block": "1 day", "minimum_blocks": 5}}
    (line,) = said(measured_windows=2, gate=gate)
    assert line.startswith("retraining.measured_windows: 2 windows can never judge")
    assert line.endswith("use 5, or change the gate")
    assert said(measured_windows=5, gate=gate) == []

    # The baseline has to be beaten with a confidence of 0.95, which needs 5 blocks.
    unsure = {"block": "1 day", "confidence": 0.6, "minimum_blocks": 2}
    (line,) = said(measured_windows=3, gate={"minimum_rows": 10, "comparison": unsure})
    assert "in 5 blocks" in line
    assert line.endswith("use 4, or change the gate")


@pytest.mark.parametrize("place", ["evaluation", "retraining"])
def test_segments_of_a_gate_are_columns(mistakes: Mistakes, place: str) -> None:
    gate = {"gate": {"segments": ["hr", "wethersit"]}}
    (line,) = mistakes(*(["retraining"] if place == "retraining" else []), **{place: gate})
    assert line.startswith(f"{place}.gate.segments: ")
    assert "'weathersit'" in line


def test_blocks_too_few_for_the_confidence_are_refused(mistakes: Mistakes) -> None:
    def said(**comparison: Any) -> list[str]:
        return mistakes("retraining", retraining={"gate": {"comparison": comparison}})

    (line,) = said(minimum_blocks=2)
    assert line.startswith("retraining.gate.comparison: minimum_blocks 2 is too small")
    assert "25 % of all cases" in line
    assert line.endswith("use at least 4")
    (line,) = said(confidence=0.99, minimum_blocks=5)
    assert line.endswith("use at least 7")


def test_a_quantile_is_compared_by_pinball_loss_and_nothing_else_is(mistakes: Mistakes) -> None:
    trees = "sklearn.ensemble.HistGradientBoostingRegressor"
    asked = {"quantile": 0.9}
    model = estimator(trees, loss="quantile", quantile=0.9)

    assert mistakes("training", "evaluation", problem=asked, training=model) == []
    (line,) = mistakes("training", problem=asked, training=estimator(trees))
    assert line.startswith("training.model: problem.quantile is 0.9")
    (line,) = mistakes("training", training=model)
    assert "problem.quantile: 0.9" in line
    by_rmse = {"gate": {"comparison": {"metric": "rmse"}}}
    lines = mistakes("evaluation", problem=asked, evaluation=by_rmse)
    assert any(line.startswith("evaluation.gate.comparison.metric: rmse") for line in lines)


def test_an_estimator_that_takes_no_weights_is_told_before_anything_runs(
    mistakes: Mistakes,
) -> None:
    weighted = {"weight_column": "w", "columns": {"w": {"type": "float"}}}
    nearest = estimator("sklearn.neighbors.KNeighborsRegressor")

    (line,) = mistakes("training", problem=weighted, training=nearest)
    assert line.startswith("training.model: KNeighborsRegressor takes no weights, which problem.")
    ridge = estimator("sklearn.linear_model.Ridge")
    assert mistakes("training", problem=weighted, training=ridge) == []


def test_a_forgotten_encoder_is_told_before_anything_runs(mistakes: Mistakes) -> None:
    sky = {"columns": {"weathersit": {"type": "category", "allowed": ["1", "2", "3", "4"]}}}
    named = features({"kind": "columns", "names": ["weathersit"]})

    lines = mistakes("training", problem=sky, preprocessing=named)
    told = "training.model.estimator: Ridge takes numbers only, and text stands in weathersit; put"
    assert [line[: len(told)] for line in lines if "encoder" in line.lower()] == [told]


def test_a_column_of_another_table_is_told_before_anything_runs(mistakes: Mistakes) -> None:
    scaler = {"class": "sklearn.preprocessing.StandardScaler"}
    group = {"name": "numbers", "columns": ["humidity"], "steps": [scaler]}
    plain = {"estimator": {"class": "sklearn.linear_model.Ridge"}, "transformers": [group]}
    two_stage = "regression_lifecycle.core.estimators.LinearThenBoostingRegressor"

    (line,) = mistakes("training", training={"model": plain}, preprocessing=features(HOUR))
    assert "columns of 'numbers': unknown column 'humidity'" in line
    (line,) = mistakes(
        "training",
        training=estimator(two_stage, time_column="day_nr"),
        preprocessing=features(HOUR),
    )
    assert line.startswith("training.model.estimator: unknown column 'day_nr'")


def test_mistakes_do_not_hide_each_other_and_name_their_file() -> None:
    checks = {"rmse": {"maximum": True}, "foo": {"maximum": 1}, "bias": {"maxi": 1, "minimum": "x"}}
    loader = open_loader(
        "test",
        problem={"horizn": "1 day"},
        evaluation={"gate": {"checks": checks, "comparisn": {}}},
        policy={"rules": {"bias": {"kind": "baas"}, "own": {"kind": "drift", "action": "alert"}}},
    )

    with pytest.raises(ConfigurationError) as error:
        read_sections(loader["parameters"], ("problem", "evaluation", "policy"), loader.origin)

    told = {line.strip().partition(": ")[0]: line for line in str(error.value).split("\n")}
    assert set(told) == {
        "problem",
        "evaluation.gate",
        "evaluation.gate.checks.rmse.maximum",
        "evaluation.gate.checks.foo",
        "evaluation.gate.checks.bias",
        "evaluation.gate.checks.bias.minimum",
        "policy.rules.bias",
        "policy.rules.own.maximum_share",
    }
    assert all(line.endswith("(--params)") for line in told.values())
