"""The configuration loader: environments that compose, absolute paths, overlays by meaning."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regression_lifecycle import settings
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.runtime.config_loader import LifecycleConfigLoader

BASE = """
problem:
  name: "${globals:model}"
training:
  search: null
  model:
    transformers: []
    estimator: {class: sklearn.ensemble.RandomForestRegressor, params: {n_estimators: 50, seed: 1}}
"""
# What plain `kedro run` takes.
TABLE = """
problem:
  target: cnt
  timestamp: {date: day}
  frequency: 1 hour
  horizon: 7 days
  columns:
    day: {type: datetime}
    hr: {type: integer, maximum: 23}
    temp: {type: float}
    cnt: {type: integer, minimum: 0}
"""
SALES = """
problem:
  target: sold
  timestamp: {date: week}
  frequency: 7 days
  horizon: 14 days
  columns:
    week: {type: date, known_in_advance: true}
    shop: {type: category, known_in_advance: true}
    sold: {type: float}
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
            "globals": "model: bikes\nworkspace: data\nlocal_folder: ${workspace}\n",
        }
        table = {"parameters": TABLE}
        folders = {"base": base, "bike_hourly": table, "local": {}, **environments}
        for environment, files in folders.items():
            (conf / environment).mkdir(parents=True)
            for file, text in files.items():
                (conf / environment / f"{file}.yml").write_text(text)
        return conf

    return write


def load(conf: Path, env: str | None = None, **runtime: Any) -> LifecycleConfigLoader:
    """A loader with the project's own settings; the table is named for overlays of it."""
    named = f"bike_hourly,{env}" if env in ("test", "partly", "local") else env
    return LifecycleConfigLoader(
        str(conf), env=named, runtime_params=runtime, **settings.CONFIG_LOADER_ARGS
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


@pytest.mark.parametrize("env", ["local", "test"])
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


def test_a_column_that_is_called_class_is_one_column_more(make_conf: Callable[..., Path]) -> None:
    conf = make_conf(partly={"parameters": "problem: {columns: {class: {type: category}}}"})

    columns = load(conf, "partly")["parameters"]["problem"]["columns"]
    assert set(columns) == {"day", "hr", "temp", "cnt", "class"}


def test_an_object_of_another_kind_does_not_inherit_keys(make_conf: Callable[..., Path]) -> None:
    conf = make_conf(
        first={"parameters": "windows: {kind: length, length: 7 days, minimum_rows: 10}"},
        longer={"parameters": "windows: {kind: length, length: 14 days}"},
        rows={"parameters": "windows: {kind: rows, rows: 500}"},
    )

    assert load(conf, "bike_hourly,first,longer")["parameters"]["windows"] == {
        "kind": "length",
        "length": "14 days",
        "minimum_rows": 10,
    }
    windows = load(conf, "bike_hourly,first,rows")["parameters"]["windows"]
    assert windows == {"kind": "rows", "rows": 500}


# --- environments compose -------------------------------------------------------------------------


def test_environments_are_laid_over_one_another_from_left_to_right(
    make_conf: Callable[..., Path],
) -> None:
    conf = make_conf(
        sales={"parameters": SALES, "globals": "model: sales\n"},
        one={"parameters": "training: {search: one}\nscoring: {batch: one}\n"},
        two={"parameters": "training: {search: two}\n", "globals": "workspace: s3://two\n"},
    )

    found = load(conf, "sales, one,two")

    assert found.folders == ("sales", "one", "two")
    assert found.table == "sales"
    assert found["parameters"]["training"]["search"] == "two"
    assert found["parameters"]["scoring"] == {"batch": "one"}
    assert found["parameters"]["problem"]["name"] == "sales"
    assert found["globals"]["workspace"] == "s3://two"
    assert load(conf, "sales,two,one")["parameters"]["training"]["search"] == "one"


def test_base_uses_what_a_later_environment_says(make_conf: Callable[..., Path]) -> None:
    conf = make_conf(elsewhere={"globals": "workspace: /elsewhere\n"})

    assert load(conf, "bike_hourly,elsewhere")["globals"]["local_folder"] == "/elsewhere"


def test_plain_commands_take_the_example_and_what_is_ones_own(
    make_conf: Callable[..., Path],
) -> None:
    conf = make_conf()
    (conf / "local" / "parameters.yml").write_text("training: {search: mine}\n")

    assert load(conf).folders == ("bike_hourly", "local")
    assert load(conf)["parameters"]["training"]["search"] == "mine"
    assert load(conf, "bike_hourly")["parameters"]["training"]["search"] is None
    # A fresh clone has none.
    (conf / "local" / "parameters.yml").unlink()
    (conf / "local").rmdir()
    assert load(conf).folders == ("bike_hourly",)


def test_a_command_needs_the_environment_that_is_not_the_default(
    make_conf: Callable[..., Path],
) -> None:
    conf = make_conf(sales={"parameters": SALES, "globals": "model: sales\n"})
    (conf / "base" / "parameters_page.yml").write_text("page: {environment: '${environment:}'}\n")

    assert load(conf)["parameters"]["page"]["environment"] == ""
    assert load(conf, "bike_hourly,local")["parameters"]["page"]["environment"] == ""
    assert load(conf, "sales")["parameters"]["page"]["environment"] == "sales"


def test_an_environment_brings_what_it_extends(make_conf: Callable[..., Path]) -> None:
    conf = make_conf(
        study={"globals": "extends: bike_hourly\nmodel: study\n"},
        shorter={"globals": "extends: study\n", "parameters": "training: {search: short}\n"},
        production={"globals": "workspace: s3://bucket\n"},
    )

    found = load(conf, "shorter,production")

    assert found.folders == ("bike_hourly", "study", "shorter", "production")
    assert found["globals"] == {
        "model": "study",
        "workspace": "s3://bucket",
        "local_folder": "s3://bucket",
    }
    assert load(conf, "bike_hourly,study").folders == ("bike_hourly", "study")


@pytest.mark.parametrize(
    ("env", "message"),
    [
        pytest.param(
            "production",
            "--env=production names no table; put one first, such as --env=bike_hourly,production. "
            "Folders that describe a table: bike_hourly, sales",
            id="deployment alone",
        ),
        pytest.param(
            "bike_hourly,sales",
            "--env=bike_hourly,sales names 2 tables: bike_hourly, sales; name one of them",
            id="two tables",
        ),
        pytest.param(
            "bike_hourly,duck,production,bear",
            "--env=bike_hourly,duck,production,bear names 2 engines: duck, bear (each keeps "
            "observations in its own way in its catalog); name one of them, such as "
            "--env=bike_hourly,duck,production",
            id="two engines",
        ),
        pytest.param(
            "duck,bear",
            "--env=duck,bear names 2 engines: duck, bear (each keeps observations in its own way "
            "in its catalog); name one of them, such as --env=bike_hourly,duck",
            id="two engines alone",
        ),
        pytest.param(
            "sales,near,far",
            "--env=sales,near,far names 2 backends: near, far (each fits models elsewhere, by "
            "training.compute.backend); name one of them, such as --env=sales,near",
            id="two backends",
        ),
        pytest.param(
            "bike_hourli",
            "unknown environment 'bike_hourli'; did you mean 'bike_hourly'? Allowed: bear, "
            "bike_hourly, duck, far, local, lost, near, production, round, sales",
            id="typing mistake",
        ),
        pytest.param(
            "lost",
            "conf/lost/globals.yml: extends: unknown environment 'sale'; did you mean 'sales'? "
            "Allowed: bear, bike_hourly, duck, far, local, lost, near, production, round, sales",
            id="extends nothing",
        ),
        pytest.param(
            "round",
            "conf/round/globals.yml: extends: 'round' extends 'round' itself",
            id="extends itself",
        ),
    ],
)
def test_environments_that_make_no_sense_are_refused(
    make_conf: Callable[..., Path], env: str, message: str
) -> None:
    conf = make_conf(
        sales={"parameters": SALES},
        production={"globals": "workspace: s3://bucket\n"},
        duck={"catalog": "observations: {type: Duck}\n"},
        bear={"catalog": "observations: {type: Bear}\n"},
        near={"parameters": "training: {compute: {backend: near}}\n"},
        far={"parameters": "training: {compute: {backend: far}}\n"},
        lost={"globals": "extends: sale\n"},
        round={"globals": "extends: round\n"},
    )

    with pytest.raises(ConfigurationError) as error:
        load(conf, env)["parameters"]

    assert str(error.value).strip() == message


@pytest.mark.parametrize("env", ["bike_hourly,duck,larger", "fork", "fork,production,larger_fork"])
def test_an_engine_may_be_built_on(make_conf: Callable[..., Path], env: str) -> None:
    conf = make_conf(
        production={"catalog": "raw: {type: Raw, filepath: far}\n"},
        duck={"catalog": "observations: {type: Duck}\n"},
        larger={"catalog": "observations: {type: Duck, memory: 16GB}\n"},
        fork={"globals": "extends: duck\n", "catalog": "observations: {type: Fork}\n"}
        | {"parameters": TABLE},
        larger_fork={"catalog": "observations: {type: Fork, memory: 16GB}\n"},
    )
    expected = {"type": "Duck" if "duck" in env else "Fork"}
    expected |= {"memory": "16GB"} if "larger" in env else {}

    assert load(conf, env)["catalog"]["observations"] == expected


def test_what_follows_from_the_table_is_derived_and_can_be_overruled(
    make_conf: Callable[..., Path],
) -> None:
    conf = make_conf(
        sales={"parameters": SALES}, mine={"parameters": "retraining: {length: 1 day}\n"}
    )
    with (conf / "base" / "parameters.yml").open("a") as base:
        base.write("retraining: {length: '${derived:window_length}'}\n")

    assert load(conf)["parameters"]["retraining"] == {"length": "28 days"}
    assert load(conf, "sales")["parameters"]["retraining"] == {"length": "140 days"}
    assert load(conf, "sales,mine")["parameters"]["retraining"] == {"length": "1 day"}
    changed = load(conf, "sales", problem={"frequency": "1 day"})
    assert changed["parameters"]["retraining"] == {"length": "28 days"}
    # A wrong problem is told by the parameter check, so it must not fail here.
    wrong = load(conf, "sales", problem={"frequency": "often"})
    assert wrong["parameters"]["retraining"] == {"length": None}


def test_a_value_of_the_description_itself_may_be_derived(make_conf: Callable[..., Path]) -> None:
    conf = make_conf(mine={"parameters": "problem: {label_deadline: 3 days}\n"})
    base = conf / "base" / "parameters_labels.yml"
    base.write_text("problem: {label_deadline: '${derived:label_deadline}'}\n")

    assert load(conf)["parameters"]["problem"]["label_deadline"] == "28 days"
    said = load(conf, "bike_hourly,mine")["parameters"]["problem"]
    assert said["label_deadline"] == "3 days"


def test_derived_segments_follow_the_features_in_force(make_conf: Callable[..., Path]) -> None:
    trend = "{kind: time_index, name: t, origin: '2011-01-01', unit: 1 day}"
    features = f"preprocessing: {{features: [{trend}]}}\n"
    conf = make_conf(mine={"parameters": features})
    with (conf / "base" / "parameters.yml").open("a") as base:
        base.write("evaluation: {segments: '${derived:segments}'}\n")

    assert load(conf)["parameters"]["evaluation"]["segments"] == ["calendar_weekday"]
    assert load(conf, "bike_hourly,mine")["parameters"]["evaluation"]["segments"] == []


def test_the_file_that_says_a_parameter_is_known(make_conf: Callable[..., Path]) -> None:
    conf = make_conf(test={"parameters": "training: {search: random}\n"})
    loader = load(conf, "test", training={"model": {"transformers": []}})

    assert loader.origin("training.search") == "conf/test/parameters.yml"
    assert loader.origin("training.model.estimator.class") == "conf/base/parameters.yml"
    assert loader.origin("training.model.transformers") == "--params"
    assert loader.origin("problem.target") == "conf/bike_hourly/parameters.yml"
    assert loader.origin("problem.colour") == ""


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


def test_what_was_derived_is_known_until_somebody_says_otherwise(
    make_conf: Callable[..., Path],
) -> None:
    conf = make_conf(mine={"parameters": "windows: {length: 1 day}\n"})
    with (conf / "base" / "parameters.yml").open("a") as base:
        base.write("windows: {length: '${derived:window_length}', gap: '${derived:gap}'}\n")

    assert load(conf).derived_parameters == {"windows.length": "28 days", "windows.gap": "7 days"}
    assert load(conf, "bike_hourly,mine").derived_parameters == {"windows.gap": "7 days"}


def test_what_one_loader_was_given_is_not_changed_by_the_user_of_another(
    make_conf: Callable[..., Path],
) -> None:
    conf = make_conf()
    first = load(conf)
    first["parameters"]["training"]["model"]["transformers"].append("planted")
    first["catalog"]["raw"]["type"] = "planted"
    given = load(conf, training={"model": {"estimator": {"params": {"seed": 7}}}})

    assert estimator(given)["params"]["seed"] == 7
    later = load(conf)
    assert later["parameters"]["training"]["model"]["transformers"] == []
    assert estimator(later)["params"] == {"n_estimators": 50, "seed": 1}
    assert later["catalog"]["raw"]["type"] == "pandas.CSVDataset"


def test_a_later_loader_of_the_process_reads_what_was_written_meanwhile(
    make_conf: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = make_conf(test={"parameters": "training: {search: 1}"})
    file = conf / "test" / "parameters.yml"
    before = file.stat()
    assert load(conf, "test")["parameters"]["training"]["search"] == 1

    file.write_text("training: {search: 2}")
    # Neither its size nor its time tells.
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert load(conf, "test")["parameters"]["training"]["search"] == 2

    (conf / "test" / "parameters_more.yml").write_text("as_of: now")
    assert load(conf, "test")["parameters"]["as_of"] == "now"
    file.unlink()
    assert load(conf, "test")["parameters"]["training"]["search"] is None

    secret = conf / "test" / "credentials.yml"
    secret.write_text("store: {key: '${oc.env:PLANTED}'}")
    for value in ("one", "two"):
        monkeypatch.setenv("PLANTED", value)
        assert load(conf, "test")["credentials"] == {"store": {"key": value}}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("problem:\n  name: a\n\ttarget: b\n", "line 3: "),
        ("- problem\n- training\n", "line 1: "),
        ("problem: {}\ntraining: {}\nproblem: {}\n", "line 3: found duplicate key problem"),
        ("problem: {\n", "line 2: "),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_line(
    make_conf: Callable[..., Path], text: str, line: str
) -> None:
    conf = make_conf(test={"parameters": text})

    with pytest.raises(ConfigurationError) as error:
        load(conf, "test")["parameters"]

    assert str(error.value).startswith(f"  conf/test/parameters.yml, {line}")


def test_all_unknown_environments_are_named(make_conf: Callable[..., Path]) -> None:
    with pytest.raises(ConfigurationError) as error:
        assert load(make_conf(), "bike_houry,prodction").folders

    assert len(str(error.value).splitlines()) == 2
