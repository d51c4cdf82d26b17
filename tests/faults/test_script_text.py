"""A text of the data is a text everywhere: names of columns and categories run nothing.

The page and the reports of Evidently are held to it in tests/adapters.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

from regression_lifecycle.adapters.mlflow import registry
from regression_lifecycle.core.decisions.records import PROMOTE, Finding, GateDecision, Reason
from regression_lifecycle.core.features.raw_rows import make_contract
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.models.model_card import write_model_card
from regression_lifecycle.core.models.provenance import SourceCode
from regression_lifecycle.core.models.trained_model import ModelMetadata
from regression_lifecycle.datasets.atomic_files import (
    AtomicCSVDataset,
    AtomicParquetDataset,
    AtomicTextDataset,
)
from regression_lifecycle.datasets.previews import newest_first
from tests.examples import tiny_problem
from tests.tracking import tracking_store

SCRIPT = "<script>alert(1)</script>"
HOSTILE = [
    SCRIPT,
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "![x](http://127.0.0.1:9/spy.png)",
]


def card_of(column: str, category: str) -> str:
    """The card of a model that reads a column, and was worst where a category stood."""
    spec = {"type": "float", "known_in_advance": True}
    never = {"forbidden_columns": {category: f"is {category}"}}
    problem = tiny_problem(**{column: spec}).model_copy(update=never)
    recipe = FeatureRecipe.model_validate({"features": [{"kind": "columns", "names": [column]}]})
    segment: dict[str, Any] = {
        **{"metric": "rmse", "segment": f"{column}={category}", "n_segments": 24},
        **{"opponent": "champion", "champion_version": "3", "increase": 0.2},
    }
    finding = Finding(kind="segment", verdict="fail", value=0.01, threshold=0.05, figures=segment)
    decision = GateDecision(
        decision=PROMOTE,
        reasons=(finding.reason, Reason("rollback", {**segment, "version": "2", "reason": column})),
        checks=(finding,),
        metrics={"candidate": {"rmse": 1.0}},
        opponent="champion",
        baseline="seasonal",
        champion_version="3",
        candidate_fingerprint="f",
        data_fingerprint="d",
        judged_from="2021-03-01",
        judged_until="2021-04-01",
        n_rows=5000,
    )
    metadata = ModelMetadata(
        problem="tiny",
        contract=make_contract(recipe, problem),
        fingerprint="f",
        data_fingerprint="d",
        target="cnt",
        recipe=recipe,
        trained_from="2021-01-01",
        trained_until="2021-03-01",
        n_rows=100,
        target_mean=1.0,
        target_median=1.0,
    )
    source = SourceCode("revision", "lock")
    return write_model_card(problem, metadata, "sklearn.linear_model.Ridge", decision, source)


@pytest.mark.parametrize("text", HOSTILE)
def test_card_description_and_preview_of_a_model_hold_no_markup_of_the_data(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    card = card_of(text, text)
    stored = AtomicTextDataset(filepath=(tmp_path / "card.md").as_posix())
    stored.save(card)
    with tracking_store(tmp_path_factory, tmp_path / "mlflow"):
        client = mlflow.MlflowClient()
        client.create_registered_model("tiny")
        version = client.create_model_version(
            "tiny", tmp_path.as_posix(), tags={registry.FINGERPRINT_TAG: "f"}
        )
        registry.register_version("tiny", "models:/m", card, {registry.FINGERPRINT_TAG: "f"})
        described = client.get_model_version("tiny", version.version).description

    for shown in (card, described, stored.preview()):
        assert "alert(1)" in shown or "spy.png" in shown
        assert "<" not in shown
        assert "](javascript" not in shown
        assert "![" not in shown


def test_previews_of_tables_are_data_and_no_page(tmp_path: Path) -> None:
    """Kedro-Viz writes the cells of a table as texts; only an HTML preview is a page."""
    table = pd.DataFrame({SCRIPT: HOSTILE, "=1+1": ["=cmd|' /C calc'!A0", "+1", "@x", "a"]})
    previews = [newest_first(table, 5)]
    for kind, name in ((AtomicParquetDataset, "t.parquet"), (AtomicCSVDataset, "t.csv")):
        dataset = kind(filepath=(tmp_path / name).as_posix())
        dataset.save(table)
        assert "HTML" not in str(dataset.preview.__annotations__["return"])
        previews.append(dataset.preview(5))

    for shown in previews:
        assert SCRIPT in shown["columns"]
        assert {row[0] for row in json.loads(json.dumps(shown))["data"]} == {*HOSTILE}
