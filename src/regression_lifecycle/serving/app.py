"""The service's answers by path."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.exceptions import HTTPException

from regression_lifecycle.serving.active_model import ActiveModel
from regression_lifecycle.serving.configuration import ServiceConfiguration
from regression_lifecycle.serving.errors import RefusedError, overloaded
from regression_lifecycle.serving.label_intake import LabelIntake
from regression_lifecycle.serving.model_watcher import ModelWatcher, Source
from regression_lifecycle.serving.openapi import describe
from regression_lifecycle.serving.prediction_log import PredictionLog
from regression_lifecycle.serving.prediction_queue import PredictionQueue
from regression_lifecycle.serving.predictor import Predictor
from regression_lifecycle.serving.request_middleware import (
    TokenCheck,
    json_response,
    read_body,
    refusal,
    request_id_of,
)


class Service:
    """What stands behind the paths: model, queue, log and labels of one process."""

    def __init__(self, configuration: ServiceConfiguration) -> None:
        """Start all threads; nothing needs to be there yet but a disk for the log.

        Args:
            configuration: What the service is told.

        Raises:
            LifecycleError: If the log cannot be kept.
        """
        self.configuration = configuration
        serving, problem = configuration.serving, configuration.problem
        self.log = PredictionLog(configuration.store_url, configuration.spool, serving.log)
        self.labels = LabelIntake(configuration.store_url, problem, serving.maximum_rows)
        self.batching = PredictionQueue(
            Predictor(problem, configuration.adjustment, log_features=serving.log_features),
            self.log,
            maximum_batch_rows=serving.maximum_batch_rows,
            maximum_queue_rows=serving.maximum_queue_rows,
            threads=serving.threads,
        )
        self.following = ModelWatcher(
            Source(
                configuration.model_name,
                configuration.alias,
                configuration.store_url,
                problem,
                enforce_bounds=serving.enforce_bounds,
                maximum_rows=serving.maximum_rows,
            ),
            serving.poll_seconds,
        )
        self.is_ending = False

    def close(self) -> None:
        """Answer what waits, then give the log its time to reach the store."""
        self.is_ending = True
        seconds = self.configuration.serving.drain_seconds
        self.following.close()
        self.batching.close(seconds)
        self.labels.close()
        self.log.close(seconds)

    def deployed(self) -> ActiveModel:
        """Return what answers now.

        Returns:
            Model and adjustment; a request keeps what it was given.

        Raises:
            RefusedError: Status 503 with the reason if there is none.
        """
        found = self.following.deployed
        if found is None:
            raise overloaded(self.following.why_not() or "the model is being loaded")
        return found

    def why_not_ready(self) -> str | None:
        """Return why a request would be refused now.

        Returns:
            The reason; None if it would be answered.
        """
        if self.is_ending:
            return "the service is about to end"
        why_not = self.following.why_not()
        if why_not is None and self.log.must_log and not self.log.status()["accepts"]:
            return "the prediction log takes no more rows"
        return why_not

    def describe_model(self) -> dict[str, Any]:
        """Describe what answers, and how it came to its place.

        Returns:
            What ``/model`` shows.
        """
        deployed, following = self.deployed(), self.following
        model, interval = deployed.model, self.configuration.adjustment.interval
        metadata = model.model.metadata
        decisions = following.decisions(model.version)
        return {
            "model_name": self.configuration.model_name,
            "model_version": model.version,
            "alias": self.configuration.alias,
            "digest": model.digest,
            "loaded_at": model.loaded_at.isoformat(timespec="seconds"),
            "trained_from": metadata.trained_from.isoformat(),
            "trained_until": metadata.trained_until.isoformat(),
            "n_rows": metadata.n_rows,
            "features": list(model.inputs.names),
            "level_factor": deployed.adjustment.level_factor,
            "interval": {
                "level": interval.level,
                "scale": interval.scale,
                "width": deployed.adjustment.interval_width,
            },
            "tags": dict(model.registered.tags),
            "decisions": None if decisions is None else [_readable(row) for row in decisions],
            "registry": following.registry_state,
            "store": following.store_state,
            "warnings": following.warnings(),
        }


def make_app(service: Service) -> FastAPI:
    """Put the paths in front of a service.

    Args:
        service: The service; who started it ends it.

    Returns:
        An ASGI application.
    """
    configuration = service.configuration
    maximum_bytes = configuration.serving.maximum_body_bytes

    app = FastAPI(
        title=configuration.problem.name,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    if configuration.token:
        app.add_middleware(TokenCheck, token=configuration.token)

    async def predict(request: Request) -> Response:
        # Taken once: whatever is promoted from here on, this request sees one model.
        deployed = service.deployed()
        request_id = request_id_of(request)
        rows = deployed.model.reader.read(await read_body(request, maximum_bytes))
        outcome = await service.batching.predict(deployed, request_id, rows)
        names = ("prediction", "lower", "upper")
        return json_response(
            {
                "request_id": request_id,
                "model_version": deployed.model.version,
                "predictions": [
                    dict(zip(names, values, strict=True)) for values in outcome.answers.served
                ],
                "logged": outcome.logged,
            },
            headers={"X-Request-ID": request_id},
        )

    async def labels(request: Request) -> Response:
        rows = service.labels.reader.read(await read_body(request, maximum_bytes))
        return json_response({"stored": await service.labels.save(rows), "received": len(rows)})

    async def model(_: Request) -> Response:
        return json_response(service.describe_model())

    async def health(_: Request) -> Response:
        return json_response({"status": "alive", "log": service.log.status()})

    async def ready(_: Request) -> Response:
        why_not = service.why_not_ready()
        if why_not is not None:
            content = {"ready": False, "reason": why_not}
            return json_response(content, 503, {"Retry-After": "1"})
        deployed = service.deployed()
        return json_response(
            {
                "ready": True,
                "model_version": deployed.model.version,
                "warnings": service.following.warnings(),
            }
        )

    async def openapi(_: Request) -> Response:
        deployed = service.following.deployed
        return json_response(
            describe(
                configuration.problem,
                None if deployed is None else deployed.model,
                service.labels.columns,
                maximum_rows=configuration.serving.maximum_rows,
                has_token=bool(configuration.token),
            )
        )

    async def docs(_: Request) -> Response:
        return get_swagger_ui_html(openapi_url="openapi.json", title=configuration.problem.name)

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, RefusedError)
        return refusal(error)

    async def not_found(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers = dict(error.headers or {})
        return refusal(RefusedError(error.status_code, str(error.detail), headers))

    # Plain routes: bodies and answers are checked and written by the service itself.
    app.add_route("/predict", predict, ["POST"])
    app.add_route("/labels", labels, ["POST"])
    app.add_route("/model", model, ["GET"])
    app.add_route("/health", health, ["GET"])
    app.add_route("/ready", ready, ["GET"])
    app.add_route("/openapi.json", openapi, ["GET"])
    app.add_route("/docs", docs, ["GET"])
    app.add_exception_handler(RefusedError, refused)
    app.add_exception_handler(HTTPException, not_found)
    return app


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """Unpack what the ledger keeps as JSON texts, and leave out what it does not say."""
    packed = ("reasons", "metrics", "checks", "policy")
    return {
        name: json.loads(value) if name in packed else value
        for name, value in row.items()
        if value not in (None, "")
    }
