"""What the reference says of parameters: facts of the models, and examples that files may say."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml
from scripts.parameter_facts import EXAMPLES, HEADER, parameter_facts, with_facts

from regression_lifecycle.runtime.json_schema import parameters_schema

FACTS = parameter_facts()
VALIDATOR = jsonschema.Draft202012Validator(parameters_schema())


def test_type_and_default_are_those_of_the_model() -> None:
    confidence = FACTS["evaluation.gate.comparison.confidence"]

    assert (confidence.type, confidence.default) == ("number above 0.5, below 1", "0.95")
    assert FACTS["monitoring.reports.pages"].type == "`alarmed`, `all`, `none`"
    assert FACTS["ingestion.maximum_gap"].default == "null; derived"
    # The code knows of a column only that it is text.
    assert FACTS["problem.target"] == ("", "", "`cnt`")


@pytest.mark.parametrize("path", EXAMPLES)
def test_every_example_can_stand_in_a_file(path: str) -> None:
    value: Any = yaml.safe_load(EXAMPLES[path])
    for key in reversed(path.split(".")):
        value = {"any" if key == "*" else key: value}

    assert [error.message for error in VALIDATOR.iter_errors(value)] == []


def test_facts_are_written_and_meanings_kept() -> None:
    page = (
        f"{HEADER}\n| --- | --- | --- | --- | --- | --- |\n"
        "| `serving.port` | old | old | old | | By hand. |\n"
        "| `problem.target` | column | required | | | By hand. |\n"
        "| `no.parameter` | kept | kept | kept | | By hand. |\n"
    )

    assert with_facts(page, FACTS).splitlines()[2:] == [
        "| `serving.port` | integer 0 to 65535 | 8080 | | | By hand. |",
        "| `problem.target` | column | required | `cnt` | | By hand. |",
        "| `no.parameter` | kept | kept | kept | | By hand. |",
    ]
