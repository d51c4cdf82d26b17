"""Models as catalog entries, on a real MLflow store."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from kedro.io import DataCatalog, DatasetError

from regression_lifecycle.adapters.mlflow import registry as mlflow_registry
from regression_lifecycle.cli import _in_words
from regression_lifecycle.core.decisions.records import ApprovalDecision, Reason
from regression_lifecycle.core.errors import ModelError
from regression_lifecycle.datasets import mlflow_models
from regression_lifecycle.datasets.mlflow_models import (
    MlflowAliasedModelDataset,
    MlflowRegistrationDataset,
    MlflowTrainedModelDataset,
)
from tests.examples import feature_rows, fitted_model
from tests.tracking import log_model

MODULE = "regression_lifecycle.datasets.mlflow_models"


@pytest.fixture(scope="module")
def locate(experiment: str) -> Callable[[int], dict[str, str]]:
    """Logs a model and says where it is."""
    known: dict[int, dict[str, str]] = {}

    def location(number: int) -> dict[str, str]:
        if number not in known:
            known[number] = log_model(fitted_model(f"print-{number}"), "tiny", experiment)
        return known[number]

    return location


@pytest.fixture
def catalog(tmp_path: Path, request: pytest.FixtureRequest, experiment: str) -> DataCatalog:
    # A registered model for each test, since tests share the store.
    model = request.node.name
    metadata = {"kedro-viz": {"layer": "models"}}
    return DataCatalog.from_config(
        {
            "candidate": {
                "type": f"{MODULE}.MlflowTrainedModelDataset",
                "filepath": (tmp_path / "06_models" / "candidate.zip").as_posix(),
                "name": "tiny",
                "metadata": metadata,
            },
            "champion": {
                "type": f"{MODULE}.MlflowAliasedModelDataset",
                "model_name": model,
                "metadata": metadata,
            },
            "version": {"type": f"{MODULE}.MlflowAliasDataset", "model_name": model},
            "closed": {"type": f"{MODULE}.MlflowVersionTagsDataset", "model_name": model},
            "versions": {"type": f"{MODULE}.MlflowVersionsDataset", "model_name": model},
            "registration": {
                "type": f"{MODULE}.MlflowRegistrationDataset",
                "filepath": (tmp_path / "06_models" / "registration.json").as_posix(),
                "model_name": model,
                "metadata": metadata,
            },
        }
    )


def registration(location: dict[str, str], fingerprint: str, **changes: Any) -> dict[str, Any]:
    decision = {
        "decision": "promote",
        **location,
        "description": "# Card",
        "tags": {"decision": "promote", "reasons": "r2 is 0.9", "fingerprint": fingerprint},
    }
    return {**decision, **changes}


def versions(model_name: str) -> list[Any]:
    found = mlflow.MlflowClient().search_model_versions(f"name = '{model_name}'")
    return sorted(found, key=lambda item: int(item.version))


# --- the trained model -------------------------------------------------------------------------


def test_a_candidate_saved_in_a_run_knows_its_place_in_mlflow(
    catalog: DataCatalog, experiment: str
) -> None:
    model = fitted_model("in a run")
    with mlflow.start_run(experiment_id=experiment) as run:
        catalog.save("candidate", model)

    read = catalog.load("candidate")

    assert read.location["run_id"] == run.info.run_id
    stored = mlflow.get_logged_model(read.location["model_id"])
    assert stored.tags["fingerprint"] == read.metadata.fingerprint == "in a run"
    rows = feature_rows(12)
    np.testing.assert_array_equal(read.predict(rows), model.predict(rows))


@pytest.mark.parametrize("silenced", [False, True])
def test_a_candidate_saved_without_tracking_is_a_file_alone(
    catalog: DataCatalog, experiment: str, silenced: bool
) -> None:
    before = len(mlflow.search_logged_models([experiment], output_format="list"))
    dataset = catalog["candidate"]
    dataset._logging_activated = not silenced
    if silenced:
        with mlflow.start_run(experiment_id=experiment):
            dataset.save(fitted_model())
    else:
        dataset.save(fitted_model())

    assert dataset.load().location == {}
    assert mlflow.active_run() is None
    assert len(mlflow.search_logged_models([experiment], output_format="list")) == before


def test_a_candidate_is_read_once_as_long_as_its_archive_stays(
    catalog: DataCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.save("candidate", fitted_model("old"))
    catalog.release("candidate")
    read = []
    load = mlflow_models.read_archive
    monkeypatch.setattr(
        mlflow_models, "read_archive", lambda path: (read.append(path), load(path))[1]
    )

    assert [catalog.load("candidate").metadata.fingerprint for _ in range(3)] == ["old"] * 3
    assert len(read) == 1

    catalog.save("candidate", fitted_model("new"))
    assert catalog.load("candidate").metadata.fingerprint == "new"
    catalog.release("candidate")
    assert catalog.load("candidate").metadata.fingerprint == "new"
    assert len(read) == 3


def test_a_candidate_that_mlflow_does_not_take_leaves_the_old_archive(
    catalog: DataCatalog, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.save("candidate", fitted_model("old"))

    def unreachable(*_: Any) -> None:
        raise OSError("no connection")

    monkeypatch.setattr(mlflow_registry, "log_model", unreachable)
    with (
        mlflow.start_run(experiment_id=experiment),
        pytest.raises(DatasetError, match="no connection"),
    ):
        catalog.save("candidate", fitted_model("new"))

    assert catalog.load("candidate").metadata.fingerprint == "old"


def test_a_model_that_mlflow_has_is_not_logged_again(
    catalog: DataCatalog, locate: Callable[[int], dict[str, str]], experiment: str, tmp_path: Path
) -> None:
    known = replace(fitted_model("print-1"), location=locate(1))
    before = len(mlflow.search_logged_models([experiment], output_format="list"))

    with mlflow.start_run(experiment_id=experiment):
        catalog.save("candidate", known)
        # From one archive to another, as a challenger that is promoted without a refit.
        other = MlflowTrainedModelDataset((tmp_path / "refitted.zip").as_posix(), "tiny")
        other.save(catalog.load("candidate"))

    assert len(mlflow.search_logged_models([experiment], output_format="list")) == before
    assert other.load().location == catalog.load("candidate").location == locate(1)


# --- the alias ---------------------------------------------------------------------------------


def test_without_an_alias_there_is_no_champion(catalog: DataCatalog) -> None:
    # Kedro treats None as missing data on save, but a node may well be given it.
    assert catalog.load("champion") is None
    assert not catalog.exists("champion")
    assert json.loads(catalog["champion"].preview())["version"] is None


def test_an_alias_is_moved_to_a_version_and_back(
    catalog: DataCatalog, locate: Callable[[int], dict[str, str]]
) -> None:
    for number in (1, 2):
        catalog.save("registration", registration(locate(number), f"print-{number}"))
    assert catalog["champion"].state() == catalog.load("version") == ""
    for number in ("1", "2", "1"):
        catalog.save("champion", number)

        # Of a file it is read without MLflow.
        assert catalog["champion"].state() == catalog.load("version") == number
        champion = catalog.load("champion")
        assert champion.location["version"] == number
        assert champion.metadata.fingerprint == f"print-{number}"
    assert catalog.exists("champion")
    assert mlflow_registry.version_in_file("sqlite:///no/such/file.db", "any", "champion") == ""
    assert json.loads(catalog["champion"].preview())["version"] == "1"


def test_what_waited_is_registered_and_tagged_with_its_answer(
    catalog: DataCatalog, locate: Callable[[int], dict[str, str]]
) -> None:
    waiting = registration(locate(1), "print-1", decision="waiting")
    waiting["tags"] |= {"decision": "waiting"}
    catalog.save("registration", waiting)
    assert catalog.load("registration")["version"] == "1"
    assert catalog.load("version") == ""
    name = catalog["closed"]._model_name

    def tags() -> dict[str, str]:
        return dict(mlflow.MlflowClient().get_model_version(name, "1").tags)

    assert tags()["decision"] == "waiting"
    reason = Reason("refused", {"version": "1", "reason": "too high"})
    decision = ApprovalDecision(
        decision="refused",
        reasons=(reason,),
        version="1",
        champion_version="",
        as_of="2021-03-01",
        actor="ada",
    )
    catalog.save("closed", [decision])
    answered = tags()
    assert (answered["decision"], answered["actor"]) == ("refused", "ada")
    assert "too high" in answered["reasons"]
    assert answered["fingerprint"] == "print-1"
    # On other evidence the same model may be asked about again.
    catalog.save("registration", waiting)
    assert tags()["decision"] == "waiting"


def test_the_version_behind_an_alias_is_known_where_its_model_cannot_be_read(
    catalog: DataCatalog, experiment: str
) -> None:
    assert catalog.load("version") == ""
    location = log_model(fitted_model(), "tiny", experiment)
    catalog.save("registration", registration(location, "unreadable"))
    catalog.save("champion", "1")
    artifacts = Path(mlflow.get_logged_model(location["model_id"]).artifact_location)
    (artifacts / "artifacts" / "model" / "estimator.skops").unlink()

    assert catalog.load("version") == "1"
    with pytest.raises(DatasetError) as caught:
        catalog.load("champion")
    # What the command line prints: the sentence with the subject, not what lies below it.
    printed = _in_words(caught.value)
    assert printed is not None
    assert printed.startswith(f"version 1 of '{catalog['champion']._model_name}'")
    assert "estimator.skops missing" in printed


def test_an_alias_that_is_there_already_is_not_written_again(
    catalog: DataCatalog,
    locate: Callable[[int], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in (1, 2):
        catalog.save("registration", registration(locate(number), f"print-{number}"))
    moved: list[str] = []
    move = mlflow_registry.set_alias
    monkeypatch.setattr(
        mlflow_registry, "set_alias", lambda *args: (moved.append(args[-1]), move(*args))
    )

    for number in ("1", "1", "", "2", "2", ""):
        catalog.save("champion", number)

    assert moved == ["1", "2"]
    assert catalog.load("champion").location["version"] == "2"


def test_an_alias_is_not_moved_to_a_version_that_does_not_exist(
    catalog: DataCatalog, locate: Callable[[int], dict[str, str]]
) -> None:
    catalog.save("registration", registration(locate(1), "print-1"))
    catalog.save("champion", "1")

    with pytest.raises(DatasetError, match="version=9"):
        catalog.save("champion", "9")

    assert catalog.load("champion").location["version"] == "1"


def test_an_alias_is_moved_where_tracking_is_off(
    catalog: DataCatalog, locate: Callable[[int], dict[str, str]]
) -> None:
    catalog.save("registration", registration(locate(1), "print-1"))
    catalog["champion"]._logging_activated = False

    catalog.save("champion", "1")

    # The ledger says so already: it is no record of a run, but what answers.
    assert catalog["champion"].state() == "1"


def test_a_champion_is_read_once_as_long_as_it_stays(
    catalog: DataCatalog,
    locate: Callable[[int], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in (1, 2):
        tags = {"fingerprint": f"print-{number}", "digest": locate(number)["digest"]}
        new = registration(locate(number), f"print-{number}", tags=tags)
        catalog.save("registration", new)
    read: list[Any] = []
    load = mlflow_registry.load_version
    monkeypatch.setattr(
        mlflow_registry, "load_version", lambda *args: (read.append(args), load(*args))[1]
    )
    assert catalog.load("champion") is None
    assert read == []

    catalog.save("champion", "1")
    assert catalog.load("champion") is catalog.load("champion")
    assert len(read) == 1

    # Moved by whomever, it is another model.
    mlflow.MlflowClient().set_registered_model_alias(
        catalog["champion"]._describe()["model_name"], "champion", "2"
    )
    assert catalog.load("champion").metadata.fingerprint == "print-2"
    assert len(read) == 2

    # The next catalog of the process finds it too.
    catalog.release("champion")
    assert catalog.load("champion").metadata.fingerprint == "print-2"
    assert len(read) == 2


def test_a_champion_that_was_read_and_lost_its_alias_is_none(
    catalog: DataCatalog, locate: Callable[[int], dict[str, str]]
) -> None:
    catalog.save("registration", registration(locate(1), "print-1"))
    catalog.save("champion", "1")
    assert catalog.load("champion") is not None

    mlflow.MlflowClient().delete_registered_model_alias(
        catalog["champion"]._describe()["model_name"], "champion"
    )

    assert catalog.load("champion") is None


def test_any_version_is_read_by_its_number(
    catalog: DataCatalog, locate: Callable[[int], dict[str, str]]
) -> None:
    for number in (1, 2):
        catalog.save("registration", registration(locate(number), f"print-{number}"))
    catalog.save("champion", "2")
    read = catalog.load("versions")

    former = read("1")

    assert (former.metadata.fingerprint, former.location["version"]) == ("print-1", "1")
    with pytest.raises(ModelError, match="has no version 9 in MLflow"):
        read("9")


def test_a_version_whose_files_were_changed_is_refused_by_its_number(
    catalog: DataCatalog, locate: Callable[[int], dict[str, str]]
) -> None:
    tags = {"decision": "promote", "reasons": "r2 is 0.9", "fingerprint": "print-1", "digest": "d"}
    catalog.save("registration", registration(locate(1), "print-1", tags=tags))

    with pytest.raises(ModelError, match=r"version 1 of .* cannot be read: its files are not"):
        catalog.load("versions")("1")


# --- the registration --------------------------------------------------------------------------


def test_a_promoted_model_becomes_a_version_with_its_card_and_tags(
    catalog: DataCatalog, locate: Callable[[int], dict[str, str]]
) -> None:
    catalog.save("registration", registration(locate(1), "print-1"))

    outcome = catalog.load("registration")
    (version,) = versions(catalog["registration"]._model_name)

    assert outcome["version"] == str(version.version) == "1"
    assert version.description == "# Card"
    assert version.tags["reasons"] == "r2 is 0.9"
    assert version.tags["fingerprint"] == "print-1"
    assert version.source == locate(1)["model_uri"]
    assert mlflow.get_logged_model(locate(1)["model_id"]).tags["decision"] == "promote"


def test_the_same_model_is_registered_once_though_it_was_logged_twice(
    catalog: DataCatalog,
    locate: Callable[[int], dict[str, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, again = (registration(locate(number), "same") for number in (1, 2))
    first["tags"] |= {"digest": "of the first files", "reasons": "none yet"}
    again["tags"] |= {"digest": "of other files", "reasons": "it passed"}
    catalog.save("registration", first)
    # As after a crash: the run is repeated, and the same model is logged under another identity.
    catalog.save("registration", again | {"description": "# Newer card"})

    (version,) = versions(catalog["registration"]._model_name)

    # The end of the run says what was registered, and MLflow not as well.
    assert capsys.readouterr().err == ""
    assert catalog.load("registration")["version"] == "1"
    assert version.source == locate(1)["model_uri"]
    assert version.description == "# Newer card"
    assert version.tags["digest"] == "of the first files"
    assert version.tags["reasons"] == "it passed"

    catalog.save("registration", registration(locate(2), "other"))
    assert catalog.load("registration")["version"] == "2"
    catalog.save("registration", registration(locate(1), "same"))
    assert catalog.load("registration")["version"] == "1"
    assert len(versions(catalog["registration"]._model_name)) == 2


@pytest.mark.parametrize("decision", ["refuse", "unchanged"])
def test_a_model_that_is_not_promoted_gets_its_reasons_and_no_version(
    catalog: DataCatalog, experiment: str, decision: str
) -> None:
    location = log_model(fitted_model(), "tiny", experiment)
    tags = {"decision": decision, "reasons": "bias 0.3 is above 0.15", "fingerprint": decision}

    catalog.save("registration", registration(location, decision, decision=decision, tags=tags))

    assert catalog.load("registration")["version"] == ""
    assert versions(catalog["registration"]._model_name) == []
    stored = mlflow.get_logged_model(location["model_id"]).tags
    assert stored["decision"] == decision
    assert stored["reasons"] == "bias 0.3 is above 0.15"


def test_nothing_is_registered_when_tracking_is_off_or_the_model_was_never_logged(
    catalog: DataCatalog, locate: Callable[[int], dict[str, str]]
) -> None:
    dataset = catalog["registration"]
    nowhere = {"model_uri": "", "model_id": "", "run_id": ""}
    catalog.save("registration", registration(nowhere, "print-1"))
    assert catalog.load("registration")["version"] == ""

    dataset._logging_activated = False
    catalog.save("registration", registration(locate(1), "print-1"))

    assert catalog.load("registration")["version"] == ""
    assert versions(dataset._model_name) == []


def test_a_registration_that_fails_leaves_the_last_one_on_disk(
    catalog: DataCatalog, locate: Callable[[int], dict[str, str]]
) -> None:
    catalog.save("registration", registration(locate(1), "print-1"))
    path: Path = catalog["registration"]._filepath
    before = path.read_bytes()

    with pytest.raises(DatasetError):
        catalog.save(
            "registration", registration({**locate(1), "model_uri": "models:/m-0"}, "another")
        )
    with pytest.raises(DatasetError):
        catalog.save("registration", registration(locate(1), "print-1", extra=object()))

    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["registration.json"]


# --- what Kedro-Viz and kedro-mlflow look for --------------------------------------------------


def test_previews_are_json_under_the_name_that_kedro_viz_looks_for(
    catalog: DataCatalog, locate: Callable[[int], dict[str, str]]
) -> None:
    catalog.save("candidate", fitted_model("shown"))
    catalog.save("registration", registration(locate(1), "print-1"))
    shown = {}
    for name in ("candidate", "champion", "registration"):
        annotation = inspect.signature(catalog[name].preview).return_annotation
        assert getattr(annotation, "__name__", annotation) == "JSONPreview"
        shown[name] = json.loads(catalog[name].preview())

    assert shown["candidate"]["fingerprint"] == "shown"
    assert shown["champion"]["alias"] == "champion"
    assert shown["registration"]["tags"]["reasons"] == "r2 is 0.9"
    assert "description" not in shown["registration"]


@pytest.mark.parametrize(
    "dataset", [MlflowTrainedModelDataset, MlflowAliasedModelDataset, MlflowRegistrationDataset]
)
def test_kedro_mlflow_can_find_the_switch(dataset: type) -> None:
    arguments = {"filepath": "x", "name": "x", "model_name": "x"}
    taken = inspect.signature(dataset.__init__).parameters

    made = dataset(**{key: value for key, value in arguments.items() if key in taken})

    assert dataset.__name__.startswith("Mlflow")
    assert made._logging_activated is True
