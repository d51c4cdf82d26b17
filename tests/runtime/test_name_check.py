"""Names that nothing would read are refused, each with its file and the nearest that is read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from regression_lifecycle import settings
from regression_lifecycle.runtime.config_loader import LifecycleConfigLoader
from regression_lifecycle.runtime.name_check import unread_names
from regression_lifecycle.runtime.parameter_check import KNOWN_SECTIONS
from tests.conftest import ROOT
from tests.shipped import ENVIRONMENTS, open_loader


@pytest.fixture
def unread(tmp_path: Path) -> Callable[..., list[str]]:
    """Names that are unread once a folder with some files is laid over the test environment."""

    def find(**files: str) -> list[str]:
        conf = tmp_path / "conf"
        shutil.copytree(ROOT / "conf", conf)
        (conf / "mine").mkdir()
        for name, text in files.items():
            (conf / "mine" / f"{name}.yml").write_text(text)
        loader = LifecycleConfigLoader(str(conf), env="test,mine", **settings.CONFIG_LOADER_ARGS)
        return unread_names(loader, KNOWN_SECTIONS)

    return find


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_all_that_the_project_ships_is_read(env: str) -> None:
    assert unread_names(open_loader(env), KNOWN_SECTIONS) == []


@pytest.mark.parametrize(
    ("file", "text", "name", "nearest"),
    [
        ("parameters", "polcy: {}", "polcy", "policy"),
        ("parameters", "policy: {rules: {driftt: null}}", "policy.rules.driftt", "drift"),
        (
            "parameters",
            "evaluation: {gate: {checks: {biass: null}}}",
            "evaluation.gate.checks.biass",
            "bias",
        ),
        ("parameters", "backtest: {policies: {nevr: null}}", "backtest.policies.nevr", "never"),
        ("parmeters", "policy: {}", "conf/mine/parmeters.yml", "parameters.yml"),
        ("globals", "problem_nme: mine", "problem_nme", "problem_name"),
        ("catalog", "raw_observation: {type: X}", "raw_observation", "raw_observations"),
    ],
)
def test_a_name_that_nothing_reads_is_found(
    unread: Callable[..., list[str]], file: str, text: str, name: str, nearest: str
) -> None:
    (line,) = unread(**{file: text})

    assert line.startswith(f"{name}: ")
    assert f"did you mean '{nearest}'?" in line
    assert f"conf/mine/{file}.yml" in line


def test_what_somebody_asks_for_is_read(unread: Callable[..., list[str]]) -> None:
    assert not unread(
        globals="own: data/mine\nextends: null\n",
        catalog="""
_template: {type: pandas.CSVDataset}
"{name}_copy": {type: pandas.CSVDataset, filepath: "${globals:own}/{name}.csv"}
rollback_moment: {type: pandas.CSVDataset, filepath: x.csv}
""",
        parameters="policy: {rules: {drift: null}}\ntraining: {search: null}\n",
        logging="version: 1",
    )
