"""The schema for editors: made from the models, and in step with every shipped file."""

from __future__ import annotations

import runpy
from pathlib import Path

import jsonschema
import pytest
import yaml

from regression_lifecycle.runtime.json_schema import parameters_schema
from tests.conftest import ROOT
from tests.shipped import PROBLEMS

FILES = sorted(
    path
    for path in (ROOT / "conf").glob("*/parameters*.yml")
    if path.parent.name in {"base", *PROBLEMS, "first_weeks", "production", "test"}
)
SCHEMA = parameters_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def mistakes(content) -> list[str]:
    return [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for error in VALIDATOR.iter_errors(content)
    ]


def test_the_file_is_what_the_models_say() -> None:
    written = runpy.run_path(str(ROOT / "scripts" / "write_schemas.py"))

    assert written["PATH"].read_text(encoding="utf-8") == written["schema_text"](), "make tables"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_shipped_file_names_the_schema_and_keeps_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    named = text.splitlines()[0].partition("$schema=")[2]
    assert (path.parent / named).resolve() == ROOT / "conf" / ".schema" / "parameters.json"
    assert mistakes(yaml.safe_load(text)) == []


@pytest.mark.parametrize(
    "content",
    [
        {"problem": {"tarrget": "y"}},
        {"problem": {"columns": {"x": {"type": "number"}}}},
        {"evaluation": {"gate": {"minimum_rows": "many"}}},
        {"evaluation": {"gate": {"minimum_rows": 0}}},
        {"training": {"cross_validation": {"n_splits": 1}}},
        {"preprocessing": {"features": [{"kind": "no_such_kind"}]}},
        {"windows": {"kind": "period", "lenght": "7 days"}},
    ],
)
def test_a_mistake_is_found(content) -> None:
    assert mistakes(content)


@pytest.mark.parametrize(
    "content",
    [
        {"problem": {"horizon": "1 day", "columns": {"x": {"minimum": 0}}}},
        {"policy": {"rules": {"bias": None}}},
        {"evaluation": {"gate": {"minimum_rows": "${derived:rows}", "checks": {"r2": None}}}},
        {"as_of": None},
    ],
)
def test_a_part_of_a_section_a_reference_and_a_removal_are_fine(content) -> None:
    assert mistakes(content) == []


def test_a_field_is_described_as_in_the_reference() -> None:
    problem = SCHEMA["$defs"]["Problem"]["properties"]

    assert problem["target"]["description"].startswith("The column to predict.")
