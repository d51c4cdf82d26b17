"""The service keeps to its own description, whatever it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import hypothesis
import mlflow
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.serving.app import Service, make_app
from tests.serving.conftest import (
    Models,
    copy_registry,
    end,
    make_configuration,
    wait_until,
)

CHECKS = (content_type_conformance, response_schema_conformance, status_code_conformance)
SETTINGS = hypothesis.settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
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


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("path", ["/predict", "/labels", "/rows"])
def test_nothing_that_is_sent_breaks_the_service_or_its_description(
    described: Any, path: str, mode: GenerationMode
) -> None:
    statuses = []

    @SETTINGS
    @hypothesis.given(case=described[path]["POST"].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        response = case.call()
        statuses.append(response.status_code)
        case.validate_response(response, checks=CHECKS)
        # Nothing is away here, so nothing may fail either.
        assert response.status_code < 500

    ask()

    # What the description allows is taken now and then, what it forbids is never taken.
    assert (200 in statuses) == (mode is GenerationMode.POSITIVE)


@pytest.mark.parametrize("path", ["/model", "/health", "/ready"])
def test_what_is_told_has_the_form_that_is_described(described: Any, path: str) -> None:
    case = described[path]["GET"].Case()

    response = case.call()

    assert response.status_code == 200
    case.validate_response(response, checks=CHECKS)
