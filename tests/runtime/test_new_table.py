"""``kedro new-table``: what it writes, and that it never changes what is there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project

from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.runtime.new_table import DIFFERENT, UNCHANGED, WRITTEN, create_problem
from tests.conftest import open_catalog, run_project
from tests.tracking import empty_database

GIVEN = (
    *("target", "name", "time", "key", "horizon", "known_in_advance", "label_delay"),
    "weight",
)


def sales(n: int = 400) -> pd.DataFrame:
    random = np.random.default_rng(0)
    day = pd.date_range("2023-01-01", periods=n)
    promotion = random.choice(["none", "radio"], n)
    price = random.uniform(4, 5, n).round(2)
    units = 200 + 40 * (promotion == "radio") - 30 * (price - 4.5) + random.normal(0, 5, n)
    return pd.DataFrame(
        {
            "sold_at": day.strftime("%Y-%m-%d"),
            "promotion": promotion,
            "price": price,
            "no": random.normal(size=n).round(3),
            "units": units.round().astype(int),
        }
    )


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    path = tmp_path / "elsewhere" / "corner_shop.csv"
    path.parent.mkdir()
    sales().to_csv(path, index=False)
    return path


@pytest.fixture
def create(project: Path):
    bootstrap_project(project)
    shown: list[str] = []

    def call(file=None, query=None, ask=None, **given) -> tuple[int, list[str]]:
        shown.clear()
        answers = {**dict.fromkeys(GIVEN), **given}
        code = create_problem(project, file, query, answers, ask, shown.append)
        return code, shown

    return call


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_file_from_elsewhere_is_copied_and_described(create, outside, project):
    code, shown = create(outside, target="units")

    assert code == WRITTEN
    assert (project / "data/01_raw/corner_shop.csv").read_bytes() == outside.read_bytes()
    assert [path.name for path in (project / "conf/corner_shop").iterdir()] == ["parameters.yml"]
    assert shown[-1] == "Next: kedro run --env=corner_shop"
    assert any("promotion, price, no (--known-in-advance)" in line for line in shown)


def test_a_second_run_writes_nothing_and_shows_the_difference(create, outside, project):
    create(outside, target="units")
    before = files(project)

    same, _ = create(outside, target="units")
    other, shown = create(outside, target="units", horizon="1 day")

    assert (same, other) == (UNCHANGED, DIFFERENT)
    assert files(project) == before
    diff = "\n".join(shown).splitlines()
    assert "--- conf/corner_shop/parameters.yml" in diff
    assert "+  horizon: 1 day" in diff


def test_another_file_of_that_name_is_not_overwritten(create, outside, project):
    (project / "data/01_raw/corner_shop.csv").write_text("a\n1\n")
    before = files(project)

    with pytest.raises(ConfigurationError, match=r"corner_shop.csv is another file; .*--name"):
        create(outside, target="units")

    assert files(project) == before


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A folder of two months, with what Spark leaves beside them."""
    folder = tmp_path / "elsewhere" / "corner_shop"
    folder.mkdir(parents=True)
    for name, part in (("1", sales().head(300)), ("2", sales().tail(100))):
        part.to_parquet(folder / f"{name}.parquet", index=False)
    (folder / "_SUCCESS").touch()
    return folder


def test_a_folder_of_parts_is_copied_and_described(create, parts, project):
    code, shown = create(parts, target="units")

    assert code == WRITTEN
    assert shown[0].endswith("400 rows, 5 columns")
    assert [*files(project / "data/01_raw/corner_shop")] == ["1.parquet", "2.parquet"]
    globals_ = yaml.safe_load((project / "conf/corner_shop/globals.yml").read_text())
    assert globals_ == {"raw_table": "corner_shop"}
    assert create(parts, target="units")[0] == UNCHANGED


def test_another_folder_of_that_name_is_not_overwritten(create, parts, project):
    there = project / "data/01_raw/corner_shop"
    there.mkdir()
    (there / "1.parquet").write_bytes((parts / "1.parquet").read_bytes())
    before = files(project)

    with pytest.raises(ConfigurationError, match=r"corner_shop is another folder; .*--name"):
        create(parts, target="units")

    assert files(project) == before


def test_a_file_that_is_in_place_stays_and_is_named(create, project):
    path = project / "data/01_raw/sold.csv"
    sales().to_csv(path, index=False)

    create(path, target="units", name="shop")

    assert yaml.safe_load((project / "conf/shop/globals.yml").read_text()) == {
        "raw_table": "sold.csv"
    }
    assert not (project / "data/01_raw/shop.csv").exists()


def test_how_a_file_is_written_is_said_once(outside, project):
    from regression_lifecycle.core.profiling.profile import profile_table
    from regression_lifecycle.runtime.new_table import plan_problem
    from regression_lifecycle.runtime.table_source import read_file

    sales().to_csv(outside, index=False, sep=";", decimal=",")
    source = read_file(outside)
    problem = plan_problem("shop", source, profile_table(source.table, "units"), project)

    assert yaml.safe_load(problem.files["globals.yml"]) == {"raw_load_args": {"sep": ";"}}
    columns = yaml.safe_load(problem.files["parameters.yml"])["problem"]["columns"]
    assert columns["price"]["format"] == "1.234,5"


def test_a_configuration_that_cannot_be_used_leaves_nothing_behind(create, outside, project):
    before = files(project)

    with pytest.raises(ConfigurationError, match="horizon"):
        create(outside, target="units", horizon="soon")

    assert files(project) == before


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "--target is missing: the column to predict. Columns: sold_at, promotion"),
        ({"target": "unit"}, "unknown column 'unit'; did you mean 'units'"),
        ({"target": "units", "name": "1st"}, "'1st' is no name"),
        ({"target": "units", "name": "production"}, "conf/production is taken"),
        ({"target": "units", "name": "base"}, "conf/base is taken"),
    ],
)
def test_what_is_missing_or_wrong_is_answered(create, outside, project, given, message):
    before = files(project)

    with pytest.raises(ConfigurationError, match=message):
        create(outside, **given)

    assert files(project) == before


def test_what_is_missing_is_asked_for_with_the_guess(create, outside, project):
    asked = {}

    def ask(question, guess):
        asked[question.split(" (")[0]] = guess
        return {"Column to predict": "units", "How far ahead predictions are made": "2 days"}.get(
            question.split(" (")[0], guess
        )

    create(outside, ask=ask)

    assert asked == {
        "Name": "corner_shop",
        "Column to predict": None,
        "Columns known before the row's own time": "all",
        "How far ahead predictions are made": "7 days",
        "Time from a row to its label": "none",
    }
    problem = yaml.safe_load((project / "conf/corner_shop/parameters.yml").read_text())["problem"]
    assert problem["horizon"] == "2 days"
    assert "caveats" not in problem


def test_a_table_that_breaks_its_description_is_said(create, outside, project):
    table = sales().astype("object")
    table.loc[7, "price"] = "about 4"
    table.to_csv(outside, index=False)

    code, shown = create(outside, target="units")

    assert code == WRITTEN
    parameters = yaml.safe_load((project / "conf/corner_shop/parameters.yml").read_text())
    assert parameters["ingestion"] == {"unreadable": "quarantine"}
    assert not any("breaks this description" in line for line in shown)


@pytest.fixture
def command(project: Path) -> Callable[..., Result]:
    bootstrap_project(project)
    from types import SimpleNamespace

    from regression_lifecycle.cli import cli

    metadata = SimpleNamespace(project_path=project)
    return lambda *arguments: CliRunner().invoke(cli, ["new-table", *arguments], obj=metadata)


def test_the_command_asks_nothing_in_a_pipe_and_tells_by_its_exit_code(command, outside):
    missing = command(str(outside))
    written = command(str(outside), "--target", "units")
    different = command(str(outside), "--target", "units", "--horizon", "1 day")

    assert (missing.exit_code, written.exit_code, different.exit_code) == (1, 0, 3)
    assert missing.output.startswith("Error: --target is missing")


@pytest.mark.slow
@pytest.mark.parametrize("source", ["csv", "parquet", "sql"])
def test_a_table_runs_without_another_line(
    create, outside, project, monkeypatch, tmp_path_factory, source
):
    file, query = outside, None
    if source == "csv":
        shares = [f"{k % 90},5 %" for k in range(400)]
        spelt = sales().assign(
            größe=shares, open=["ja", "nein"] * 200, zip=["01067", "99734"] * 200
        )
        spelt.to_csv(outside, index=False, sep=";", decimal=",", encoding="latin-1")
    if source == "parquet":
        file = outside.with_suffix(".parquet")
        sales().to_parquet(file)
    if source == "sql":
        database = outside.with_suffix(".db")
        with sqlite3.connect(database) as connection:
            sales().to_sql("sales", connection, index=False)
        monkeypatch.setenv("LIFECYCLE_RAW_URL", f"sqlite:///{database}")
        file, query = None, "select * from sales"

    code, shown = create(file, query, target="units", name="shop")
    assert (code, any("breaks" in line for line in shown)) == (WRITTEN, False)

    empty_database(tmp_path_factory, project / "data/shop/mlflow/mlflow.db")
    if source == "csv":
        run_project(project, "shop")
        params = {"scoring": {"start": "2024-01-01"}}
        run_project(project, "shop", pipeline_name="scoring", params=params)
        assert (project / "data/shop/08_reporting").is_dir()
    else:
        # From the observations on nothing knows where they came from.
        run_project(project, "shop", pipeline_name="ingestion")
    observations = open_catalog(project, "shop").load("observations")
    assert observations["units"].tolist() == sales()["units"].tolist()
