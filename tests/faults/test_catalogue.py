"""The table of faults names tests that are there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

TESTS = Path(__file__).resolve().parents[1]
CHAPTERS = yaml.safe_load((TESTS / "faults" / "catalogue.yml").read_text(encoding="utf-8"))
FAULTS = [fault for chapter in CHAPTERS.values() for fault in chapter]


def collected(path: Path) -> set[str]:
    """The tests of a file, as pytest names and collects them."""
    if not path.name.startswith("test_"):
        return set()
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {prefix + each.name for each in inner if isinstance(each, ast.FunctionDef)}
    return {name for name in found if name.rpartition("::")[2].startswith("test_")}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["fault"])
def test_every_fault_has_an_answer_and_tests_that_are_collected(fault: dict[str, str]) -> None:
    assert set(fault) == {"fault", "answer", "tests"}
    assert fault["tests"]
    for name in fault["tests"]:
        file, _, test = name.partition("::")
        assert test in collected(TESTS / file), name


def test_every_file_of_faults_is_in_the_table() -> None:
    named = {name.partition("::")[0] for fault in FAULTS for name in fault["tests"]}
    files = {f"faults/{path.name}" for path in (TESTS / "faults").glob("test_*.py")}

    assert files - named == {"faults/test_catalogue.py"}
    assert len({fault["fault"] for fault in FAULTS}) == len(FAULTS)
