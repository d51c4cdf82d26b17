"""The service's answers by path."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from regression_lifecycle import __version__
from regression_lifecycle.serving.active_model import ActiveModel
from regression_lifecycle.serving.configuration import ServiceConfiguration
from regression_lifecycle.serving.docs_page import add_docs
from regression_lifecycle.serving.errors import RefusedError, overloaded
from regression_lifecycle.serving.label_intake import LabelIntake
from regression_lifecycle.serving.metrics import add_metrics
from regression_lifecycle.serving.model_watcher import ModelWatcher
from regression_lifecycle.serving.openapi import (
    REQUEST_ID,
    LabelAnswer,
    PredictionAnswer,
    describe,
    refusals,
)
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
        self.configuration: ServiceConfiguration = configuration
        serving, problem = configuration.serving, configuration.problem
        self.log = PredictionLog(configuration.store_url, configuration.spool, serving.log)
        self.labels = LabelIntake(configuration.store_url, problem, serving.maximum_rows)
        self.batching: PredictionQueue = PredictionQueue(
            Predictor(problem, configuration.adjustment, log_features=serving.log_features),
            self.log,
            serving,
        )
        self.following: ModelWatcher = ModelWatcher(configuration)
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
            "level_shift": deployed.adjustment.level_shift,
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
    has_token = bool(configuration.token)
    # Told to who reads the description; the middleware checks.
    secured = [Depends(HTTPBearer(scheme_name="token", auto_error=False))] if has_token else []
    taking_rows = refusals((400, 408, 413, 415, 422, 503), has_token=has_token)

    app = FastAPI(
        title=configuration.problem.name,
        version=__version__,
        # FastAPI's own pages load their scripts from the network.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    if has_token:
        app.add_middleware(TokenCheck, token=configuration.token)

    def openapi() -> dict[str, Any]:
        deployed = service.following.deployed
        model = None if deployed is None else deployed.model
        return describe(app, configuration.problem, model, service.labels.reader)

    app.openapi = openapi  # type: ignore[method-assign]

    @app.post(
        "/predict",
        summary="Predict rows, and log what was predicted.",
        response_model=PredictionAnswer,
        responses=taking_rows,
        dependencies=secured,
        openapi_extra={"parameters": [REQUEST_ID]},
    )
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

    @app.post(
        "/labels",
        summary="Hand in labels that are known now: all of the request or none.",
        response_model=LabelAnswer,
        responses=taking_rows,
        dependencies=secured,
    )
    async def labels(request: Request) -> Response:
        rows = service.labels.reader.read(await read_body(request, maximum_bytes))
        return json_response({"stored": await service.labels.save(rows), "received": len(rows)})

    @app.get(
        "/model",
        summary="The model that answers, and how it came to its place.",
        response_model=dict[str, Any],
        responses=refusals([503], has_token=has_token),
        dependencies=secured,
    )
    async def model() -> Response:
        return json_response(service.describe_model())

    @app.get(
        "/health",
        summary="Whether the process is alive, and how its log fares.",
        response_model=dict[str, Any],
    )
    async def health() -> Response:
        return json_response({"status": "alive", "log": service.log.status()})

    @app.get(
        "/ready",
        summary="Whether a request would be answered now.",
        response_model=dict[str, Any],
        responses={503: {"model": dict[str, Any], "description": "It would be turned away."}},
    )
    async def ready() -> Response:
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

    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: RefusedError) -> Response:
        return refusal(error)

    @app.exception_handler(HTTPException)
    async def not_found(_: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        return refusal(RefusedError(error.status_code, str(error.detail), headers))

    add_docs(app)
    add_metrics(app, service, secured)
    return app


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """Unpack what the ledger keeps as JSON texts, and leave out what it does not say."""
    packed = ("reasons", "metrics", "checks", "policy")
    return {
        name: json.loads(value) if name in packed else value
        for name, value in row.items()
        if value not in (None, "")
    }
