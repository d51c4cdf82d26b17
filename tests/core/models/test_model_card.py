from __future__ import annotations

import pytest

from regression_lifecycle.core.decisions.records import Finding, GateDecision, Reason
from regression_lifecycle.core.features.raw_rows import make_contract
from regression_lifecycle.core.models.model_card import write_model_card
from regression_lifecycle.core.models.provenance import SourceCode
from regression_lifecycle.core.models.trained_model import ModelMetadata

METRICS = {
    "candidate": {"rmse": 51.6789, "mae": 30.0, "r2": 0.9, "rmsle": None, "bias": -0.01},
    "baseline": {"rmse": 112.0, "mae": 70.0, "r2": 0.7, "rmsle": 0.5, "bias": 0.02},
}
UNDEFINED = Reason("metric_undefined", {"metric": "bias", "of_baseline": False})
DECISION = GateDecision(
    decision="refuse",
    reasons=(UNDEFINED,),
    checks=(
        Finding(kind="rows", verdict="pass", value=5000, threshold=672),
        Finding(
            kind="metric",
            verdict="not computed",
            value=None,
            threshold=0.1,
            figures={**UNDEFINED.figures, "bound": "maximum"},
            obstacle=UNDEFINED,
        ),
    ),
    metrics=METRICS,
    opponent="baseline",
    baseline="seasonal",
    champion_version="",
    candidate_fingerprint="fingerprint-f",
    data_fingerprint="fingerprint-d",
    judged_from="2021-03-01 12:00",
    judged_until="2021-04-01",
    n_rows=5000,
)


@pytest.fixture
def card(make_problem, recipe):
    problem = make_problem(horizon="36 hours", caveats=["The weather counts as known."])
    return card_of(problem, recipe)


def card_of(problem, recipe):
    features = recipe(
        {"kind": "columns", "names": ["temp"]},
        {"kind": "lag", "name": "day_ago", "column": "cnt", "ages": ["2 days"]},
    )
    metadata = ModelMetadata(
        problem="tiny",
        contract=make_contract(features, problem),
        fingerprint="fingerprint-f",
        data_fingerprint="fingerprint-d",
        target="cnt",
        recipe=features,
        trained_from="2021-01-01 05:00",
        trained_until="2021-03-01 11:00",
        n_rows=12345,
        target_mean=1.0,
        target_median=1.0,
    )
    return write_model_card(
        problem,
        metadata,
        "sklearn.linear_model.Ridge",
        DECISION,
        SourceCode("revision-r", "lock-l"),
    )


@pytest.mark.parametrize(
    "expected",
    [
        "Visitors per hour.",
        "`sklearn.linear_model.Ridge`",
        "12,345 rows, 2021-01-01 05:00:00 to 2021-03-01 11:00:00",
        "5,000 later rows, 2021-03-01 12:00 to 2021-04-01",
        "refuse: candidate bias is not defined here",
        "`fingerprint-f` (data `fingerprint-d`)",
        "revision `revision-r`, uv.lock `lock-l`",
        "## Features\n\n`temp`, `day_ago`.",
        "Never features: `part_a` (a part of the target), `part_b` (the other part).",
        "- The weather counts as known.",
        "The model takes raw rows: `timestamp`, or `day` and `hour`; `temp`.",
        "Lags of `cnt` are looked up in the rows themselves, in the parameter `history`",
        'mlflow.pyfunc.load_model("models:/tiny@champion")',
    ],
)
def test_the_card_says_what_the_model_is_and_where_it_comes_from(card, expected):
    assert expected in card


def test_the_first_line_is_a_sentence_without_markup(card):
    # Lists of models and versions show no more of it.
    assert card.splitlines()[0] == "Predicts cnt of tiny, up to 36 hours ahead."


def test_the_card_has_a_row_per_model_and_an_undefined_figure_is_no_number(card):
    assert "| model | rmse | mae | r2 | rmsle | bias |" in card
    assert "| candidate | 51.68 | 30 | 0.9 | not defined | -0.01 |" in card
    assert "| baseline | 112 | 70 | 0.7 | 0.5 | 0.02 |" in card


def test_the_card_has_a_row_per_check(card):
    assert "| rows | 5000 | 672 | pass |" in card
    assert "| candidate bias, at most | not defined | 0.1 | not computed |" in card


def test_every_table_of_the_card_has_as_many_cells_in_each_row(card):
    blocks = [block.splitlines() for block in card.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 2
    for rows in blocks:
        assert len({row.count("|") for row in rows}) == 1


def test_no_text_of_a_description_or_of_the_data_is_markup(make_problem, recipe):
    hostile = "<script>alert(1)</script> [x](javascript:alert(1)) ![p](http://t/p.png)"
    problem = make_problem(description=f"{hostile} [why](https://example.org)", caveats=[hostile])

    card = card_of(problem, recipe)

    assert "<" not in card
    assert "](javascript" not in card
    assert "![" not in card
    assert "[why](https://example.org)" in card
