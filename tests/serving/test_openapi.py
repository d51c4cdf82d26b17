"""The service keeps to its own description, whatever it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
import schemathesis
from hypothesis import given
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    ignored_auth,
    missing_required_header,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.serving.app import make_app
from regression_lifecycle.serving.service import Service
from tests.fuzzing import examples
from tests.serving.conftest import (
    Models,
    copy_registry,
    end,
    make_configuration,
    wait_until,
)

CHECKS = (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    missing_required_header,
    unsupported_method,
    allow_header_conformance,
)


@pytest.fixture(scope="module")
def described(
    problem: Problem, models_once: Models, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """The service's own description, with the service behind it."""
    folder = tmp_path_factory.mktemp("fuzz")
    mlflow.set_tracking_uri(copy_registry(models_once, folder))
    service = Service(make_configuration(problem, folder, maximum_rows=20))
    wait_until(lambda: service.following.deployed is not None)
    yield schemathesis.openapi.from_asgi("/openapi.json", make_app(service))
    end(service)
    mlflow.set_tracking_uri(None)


def ask_anything(operation: Any, mode: GenerationMode) -> set[int]:
    """Ask all that the description allows, or what it forbids; every answer must keep to it."""
    statuses = set()

    @examples(25)
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        response = case.call()
        statuses.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    ask()
    return statuses


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_nothing_that_is_sent_breaks_the_service_or_its_description(
    described: Any, mode: GenerationMode
) -> None:
    # Whatever path is added is asked too.
    operations = [found.ok() for found in described.get_all_operations()]
    assert {"/predict", "/labels", "/rows", "/model", "/metrics"} <= {
        each.path for each in operations
    }
    for operation in operations:
        if mode is GenerationMode.NEGATIVE and not operation.body:
            continue  # nothing can be wrong with it
        statuses = ask_anything(operation, mode)

        # Nothing is away here, so nothing may fail either.
        assert max(statuses) < 500, operation.path
        # What the description forbids is never taken; whether a time exists it cannot say.
        if mode is GenerationMode.NEGATIVE:
            assert 200 not in statuses, operation.path


def test_the_examples_are_taken_as_they_stand_and_meet(described: Any) -> None:
    for path in ("/rows", "/predict", "/labels"):
        body = described[path]["POST"].definition.raw["requestBody"]["content"]
        case = described[path]["POST"].Case(body=body["application/json"]["example"])
        case.media_type = "application/json"

        response = case.call()

        assert response.status_code == 200, response.text
        case.validate_response(response, checks=CHECKS)
        ((_, (row,)),) = case.body.items()
        assert row["timestamp"] == "2021-03-07T23:00:00"


@pytest.mark.parametrize("path", ["/model", "/health", "/ready", "/metrics"])
def test_what_is_told_has_the_form_that_is_described(described: Any, path: str) -> None:
    case = described[path]["GET"].Case()

    response = case.call()

    assert response.status_code == 200
    case.validate_response(response, checks=CHECKS)


def test_no_path_but_the_open_ones_answers_without_the_token(
    problem: Problem, models_once: Models, tmp_path: Path
) -> None:
    mlflow.set_tracking_uri(copy_registry(models_once, tmp_path))
    service = Service(make_configuration(problem, tmp_path, token="a-token-of-some-length"))
    wait_until(lambda: service.following.deployed is not None)
    headers = {"Authorization": "Bearer a-token-of-some-length"}
    described = schemathesis.openapi.from_asgi("/openapi.json", make_app(service), headers=headers)
    secured = set()

    for found in described.get_all_operations():
        operation = found.ok()
        content = operation.definition.raw.get("requestBody", {}).get("content", {})
        case = operation.Case(headers=headers)
        if content:
            case = operation.Case(headers=headers, body=content["application/json"]["example"])
            case.media_type = "application/json"
        response = case.call()
        # Asks again without the token, and with a wrong one.
        case.validate_response(response, checks=(*CHECKS, ignored_auth))
        assert response.status_code == 200, operation.path
        if operation.definition.raw.get("security"):
            secured.add(operation.path)

    end(service)
    mlflow.set_tracking_uri(None)
    assert secured == {"/predict", "/labels", "/rows", "/model", "/metrics"}


@pytest.mark.slow
def test_a_service_without_anything_fails_in_no_other_way_than_described(
    problem: Problem, tmp_path: Path
) -> None:
    (tmp_path / "a file").write_text("")
    store = f"sqlite:///{(tmp_path / 'a file' / 'lifecycle.db').as_posix()}"
    mlflow.set_tracking_uri(f"sqlite:///{(tmp_path / 'a file' / 'mlflow.db').as_posix()}")
    service = Service(make_configuration(problem, tmp_path, store_url=store))
    wait_until(service.following.has_looked)
    described = schemathesis.openapi.from_asgi("/openapi.json", make_app(service))

    statuses = {
        found.ok().path: ask_anything(found.ok(), GenerationMode.POSITIVE)
        for found in described.get_all_operations()
    }

    end(service)
    mlflow.set_tracking_uri(None)
    away = {path for path, found in statuses.items() if 503 in found}
    assert {"/model", "/ready"} <= away
    assert not {"/health", "/metrics"} & away
    assert {each for found in statuses.values() for each in found if each >= 500} == {503}
