"""The environment `production`: addresses from the environment, and each file where it can be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kedro.io import DataCatalog

from regression_lifecycle import settings
from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.core.prediction.service_parameters import ServingParameters
from regression_lifecycle.runtime.config_loader import LifecycleConfigLoader
from tests.conftest import ROOT
from tests.shipped import PROBLEMS

DATA, STORE = "memory:///bikes/lifecycle", "postgresql+psycopg://ada:secret@db.example:5432/loop"
ADDRESSES = {
    "LIFECYCLE_DATA_URL": DATA,
    "LIFECYCLE_STORE_URL": STORE,
    "LIFECYCLE_MLFLOW_URI": "http://mlflow.example:5000",
}
# Why these are on a disk says conf/production/globals.yml.
LOCAL = {"evidently_workspace"}


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """All variables that production needs, and no other."""
    for name in ("LIFECYCLE_LOCAL_FOLDER", "LIFECYCLE_SERVE_HOST"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ADDRESSES.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def load(env: str = "bike_hourly,production", conf: Path = ROOT / "conf") -> LifecycleConfigLoader:
    return LifecycleConfigLoader(str(conf), env=env, **settings.CONFIG_LOADER_ARGS)


def test_all_missing_variables_are_told_at_once_with_their_meaning(
    addresses: pytest.MonkeyPatch,
) -> None:
    for name in ADDRESSES:
        addresses.delenv(name)
    addresses.setenv("LIFECYCLE_STORE_URL", "")

    with pytest.raises(ConfigurationError) as error:
        load()

    lines = str(error.value).split("\n")
    assert [line.split(" is not set: ")[0] for line in lines] == [
        f"  the environment variable {name}" for name in ADDRESSES
    ]
    assert "s3://lifecycle" in lines[0]
    assert "postgresql+psycopg://" in lines[1]
    assert "the MLflow server" in lines[2]


def test_other_environments_need_none_of_them(addresses: pytest.MonkeyPatch) -> None:
    for name in ADDRESSES:
        addresses.delenv(name)

    assert load("bike_hourly")["catalog"]


def test_every_file_is_where_the_data_are_except_what_needs_a_disk(
    addresses: pytest.MonkeyPatch,
) -> None:
    catalog = load()["catalog"]
    places = {
        name: entry.get("filepath") or entry.get("path")
        for name, entry in catalog.items()
        if "filepath" in entry or "path" in entry
    }

    assert {
        name for name, place in places.items() if not f"{place}/".startswith(f"{DATA}/")
    } == LOCAL
    assert {catalog[name]["path"] for name in LOCAL} == {
        "data/production/bike_hourly/08_reporting/evidently_workspace"
    }


def test_production_changes_addresses_and_nothing_of_a_table(addresses: pytest.MonkeyPatch) -> None:
    for problem in PROBLEMS:
        here = load(problem)
        # Commands name the environment that they are for.
        there = {
            kind: json.loads(
                json.dumps(load(f"{problem},production")[kind], default=str).replace(
                    f'"{problem},production"', f'"{problem}"'
                )
            )
            for kind in ("catalog", "parameters", "globals")
        }

        assert set(there["catalog"]) == set(here["catalog"])
        for name, entry in here["catalog"].items():
            moved = {"filepath", "path", "url"} & entry.keys()
            assert {key: there["catalog"][name][key] for key in entry if key not in moved} == {
                key: value for key, value in entry.items() if key not in moved
            }
        sections = set(here["parameters"]) - {"serving", "alerts"}
        assert {name: there["parameters"][name] for name in sections} == {
            name: here["parameters"][name] for name in sections
        }
        # A problem and a deployment share no key, so their order does not matter.
        assert load(f"production,{problem}")["globals"] == there["globals"]


def test_tables_runs_and_the_lock_have_their_places(
    addresses: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loader = load()
    urls = {entry["url"] for entry in loader["catalog"].values() if "url" in entry}

    assert urls == {STORE}
    assert loader.store_url == STORE
    server, tracking = loader["mlflow"]["server"], loader["mlflow"]["tracking"]
    assert server["mlflow_tracking_uri"] == "http://mlflow.example:5000"
    assert tracking["experiment"]["create_experiment_kwargs"]["artifact_location"] is None
    assert loader.local_folder == ROOT / "data" / "production" / "bike_hourly"

    addresses.setenv("LIFECYCLE_LOCAL_FOLDER", tmp_path.as_posix())
    elsewhere = load()
    assert elsewhere.local_folder == tmp_path / "bike_hourly"
    assert [channel["path"] for channel in elsewhere["parameters"]["alerts"]["channels"]] == [
        f"{tmp_path.as_posix()}/bike_hourly/08_reporting/alerts.jsonl"
    ]


def test_a_slash_at_the_end_of_an_address_makes_no_folder_without_a_name(
    addresses: pytest.MonkeyPatch,
) -> None:
    addresses.setenv("LIFECYCLE_DATA_URL", f"{DATA}/")

    raw = load()["catalog"]["raw_observations"]["filepath"]

    assert raw == f"{DATA}/01_raw/hour.csv"


def test_no_secret_is_shown_by_the_catalog(addresses: pytest.MonkeyPatch) -> None:
    config = load()["catalog"]
    catalog = DataCatalog.from_config(config)

    shown = " ".join(str(catalog.get(name)) for name in config)

    assert "db.example" in shown
    assert "secret" not in shown


def test_a_workspace_elsewhere_needs_a_local_folder(tmp_path: Path) -> None:
    for env in ("base", "sales"):
        (tmp_path / "conf" / env).mkdir(parents=True)
    (tmp_path / "conf/base/globals.yml").write_text("local_folder: s3://bikes\n")
    (tmp_path / "conf/sales/parameters.yml").write_text("problem: {target: sold}\n")

    with pytest.raises(ConfigurationError, match=r"s3://bikes is on no disk .* local_folder"):
        _ = load("sales", tmp_path / "conf").local_folder


def test_the_service_asks_for_a_token_wherever_it_listens(addresses: pytest.MonkeyPatch) -> None:
    assert load()["parameters"]["serving"]["host"] == "127.0.0.1"
    addresses.setenv("LIFECYCLE_SERVE_HOST", "0.0.0.0")

    serving = ServingParameters.model_validate(load()["parameters"]["serving"])

    assert serving.host == "0.0.0.0"
    assert serving.token_env == "LIFECYCLE_SERVE_TOKEN"
    serving.refuse_open_door()
