"""The configuration loader: absolute paths, one description of the table, overlays by meaning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regression_lifecycle import settings
from regression_lifecycle.runtime.config_loader import LifecycleConfigLoader

BASE = """
problem:
  name: "${globals:model}"
  columns:
    hr: {type: integer, maximum: 23}
    temp: {type: float}
training:
  search: null
  model:
    transformers: []
    estimator: {class: sklearn.ensemble.RandomForestRegressor, params: {n_estimators: 50, seed: 1}}
"""
CATALOG = """
raw:
  type: pandas.CSVDataset
  filepath: data/raw.csv
  validator: {options: {problem: "${parameter:problem}"}}
ledger:
  url: ${store:}
  root: "${root:}"
"""


@pytest.fixture
def make_conf(tmp_path: Path) -> Callable[..., Path]:
    """Writes configuration folders: an environment per keyword, a file per key."""

    def write(name: str = "project", **environments: dict[str, str]) -> Path:
        conf = tmp_path / name / "conf"
        base = {
            "parameters": BASE,
            "catalog": CATALOG,
            "globals": "model: bikes\nworkspace: data\n",
        }
        for environment, files in {"base": base, "local": {}, **environments}.items():
            (conf / environment).mkdir(parents=True)
            for file, text in files.items():
                (conf / environment / f"{file}.yml").write_text(text)
        return conf

    return write


def load(conf: Path, env: str | None = None, **runtime: Any) -> LifecycleConfigLoader:
    """A loader with the project's own settings."""
    return LifecycleConfigLoader(
        str(conf), env=env, runtime_params=runtime, **settings.CONFIG_LOADER_ARGS
    )


def estimator(loader: LifecycleConfigLoader) -> Any:
    return loader["parameters"]["training"]["model"]["estimator"]


def test_root_is_the_project_wherever_the_command_is_typed(
    make_conf: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = make_conf()
    (tmp_path / "elsewhere").mkdir()
    project = (tmp_path / "project").as_posix()
    for folder, source in (
        (tmp_path / "project", Path("conf")),
        (tmp_path, Path("project/conf")),
        (tmp_path / "elsewhere", conf),
    ):
        monkeypatch.chdir(folder)
        ledger = load(source)["catalog"]["ledger"]

        assert ledger["url"] == f"sqlite:///{project}/data/lifecycle.db"
        assert Path(ledger["root"]) == tmp_path / "project"


def test_root_of_a_configuration_that_was_packed_is_the_working_project(
    make_conf: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tarfile

    conf = make_conf("packed")
    packed = tmp_path / "conf.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(conf, "conf")
    project = tmp_path / "working"
    project.mkdir()
    (project / "pyproject.toml").write_text("[tool.kedro]\npackage_name = 'x'\n")
    monkeypatch.chdir(project)

    loader = LifecycleConfigLoader(packed.as_posix(), **settings.CONFIG_LOADER_ARGS)

    assert Path(loader["catalog"]["ledger"]["root"]) == project


def test_two_projects_of_one_process_keep_their_own_roots(
    make_conf: Callable[..., Path], tmp_path: Path
) -> None:
    first, second = load(make_conf("first")), load(make_conf("second"))
    second["parameters"]

    assert Path(first["catalog"]["ledger"]["root"]) == tmp_path / "first"
    assert Path(second["catalog"]["ledger"]["root"]) == tmp_path / "second"


def test_globals_of_an_environment_reach_the_paths(make_conf: Callable[..., Path]) -> None:
    conf = make_conf(test={"globals": "workspace: data/test\n"})

    assert load(conf, "test")["catalog"]["ledger"]["url"].endswith("/data/test/lifecycle.db")
    assert load(conf, "test")["parameters"]["problem"]["name"] == "bikes"


def test_the_catalog_has_the_problem_as_the_parameters_say_it(
    make_conf: Callable[..., Path],
) -> None:
    conf = make_conf(test={"parameters": "problem: {columns: {hr: {maximum: 24}}}\n"})

    def problem(loader: LifecycleConfigLoader) -> Any:
        return loader["catalog"]["raw"]["validator"]["options"]["problem"]

    assert problem(load(conf)) == load(conf)["parameters"]["problem"]
    assert problem(load(conf, "test"))["columns"]["hr"] == {"type": "integer", "maximum": 24}
    changed = load(conf, "test", problem={"columns": {"hr": {"maximum": 12}}, "name": "other"})
    assert problem(changed)["columns"]["hr"] == {"type": "integer", "maximum": 12}
    assert problem(changed)["columns"]["temp"] == {"type": "float"}
    assert problem(changed)["name"] == "other"


def test_an_environment_says_only_what_differs(make_conf: Callable[..., Path]) -> None:
    conf = make_conf(
        test={"parameters": "training: {search: random, model: {estimator: {params: {seed: 7}}}}\n"}
    )

    training = load(conf, "test")["parameters"]["training"]

    assert training["search"] == "random"
    assert training["model"]["transformers"] == []
    assert training["model"]["estimator"] == {
        "class": "sklearn.ensemble.RandomForestRegressor",
        "params": {"n_estimators": 50, "seed": 7},
    }


def test_an_object_of_another_class_does_not_inherit_parameters(
    make_conf: Callable[..., Path],
) -> None:
    ridge = {"class": "sklearn.linear_model.Ridge", "params": {"alpha": 2.0}}
    conf = make_conf(
        test={
            "parameters": "training: {model: {estimator: "
            "{class: sklearn.linear_model.Ridge, params: {alpha: 2.0}}}}\n"
        }
    )

    assert estimator(load(conf, "test")) == ridge
    assert load(conf, "test")["parameters"]["training"]["search"] is None


@pytest.mark.parametrize("env", ["base", "local", "test"])
def test_the_same_holds_for_parameters_from_the_command_line(
    make_conf: Callable[..., Path], env: str
) -> None:
    boosted = "{class: sklearn.ensemble.HistGradientBoostingRegressor, params: {max_iter: 30}}"
    conf = make_conf(test={"parameters": f"training: {{model: {{estimator: {boosted}}}}}\n"})
    lasso = {"class": "sklearn.linear_model.Lasso", "params": {"alpha": 1.0}}

    replaced = load(conf, env, training={"model": {"estimator": lasso}})
    changed = load(conf, env, training={"model": {"estimator": {"params": {"seed": 9}}}})

    assert estimator(replaced) == lasso
    before = estimator(load(conf, env))
    assert estimator(changed) == {**before, "params": {**before["params"], "seed": 9}}


def test_lists_are_replaced_and_not_mixed(make_conf: Callable[..., Path]) -> None:
    conf = make_conf(test={"parameters": "training: {model: {transformers: [a]}}\n"})
    runtime = {"model": {"transformers": ["b", "c"]}}

    assert load(conf, "test")["parameters"]["training"]["model"]["transformers"] == ["a"]
    changed = load(conf, "test", training=runtime)
    assert changed["parameters"]["training"]["model"]["transformers"] == ["b", "c"]


def test_which_sections_stand_in_files_is_known_apart_from_the_command_line(
    make_conf: Callable[..., Path],
) -> None:
    loader = load(make_conf(test={"parameters": "drift: {a: 1}\n"}), "test", trainign={"a": 1})

    assert "trainign" in loader["parameters"]
    assert loader.configured_parameters == {"problem", "training", "drift"}


def test_a_problem_that_names_its_target_and_columns_replaces_the_other_tables(
    make_conf: Callable[..., Path],
) -> None:
    sales = "problem: {name: sales, target: sold, columns: {sold: {type: integer}}}"
    partly = "problem: {columns: {class: {type: category}}}"
    conf = make_conf(sales={"parameters": sales}, partly={"parameters": partly})

    assert set(load(conf, "sales")["parameters"]["problem"]["columns"]) == {"sold"}
    # A column that happens to be called class is one column more, not another object.
    assert set(load(conf, "partly")["parameters"]["problem"]["columns"]) == {"hr", "temp", "class"}


def test_the_account_that_runs_the_command_has_a_name(
    make_conf: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = make_conf(test={"parameters": 'rollback: {actor: "${user:}"}\n'})
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    assert load(conf, "test")["parameters"]["rollback"] == {"actor": "ada"}

    def nameless() -> str:
        raise KeyError("uid not found: 1234")

    # As in a container that runs under a number.
    monkeypatch.setattr("getpass.getuser", nameless)
    assert load(conf, "test")["parameters"]["rollback"] == {"actor": "unknown"}
