"""The service's answers by path."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from regression_lifecycle import __version__
from regression_lifecycle.core.models.explanation import METHOD
from regression_lifecycle.serving.docs_page import add_docs
from regression_lifecycle.serving.errors import RefusedError
from regression_lifecycle.serving.metrics import add_metrics
from regression_lifecycle.serving.openapi import (
    EXPLAIN,
    REQUEST_ID,
    IntakeAnswer,
    PredictionAnswer,
    describe,
    refusals,
)
from regression_lifecycle.serving.request_middleware import (
    TokenCheck,
    is_stranger,
    json_response,
    read_body,
    refusal,
    request_id_of,
    wants_explanation,
    without_cause,
)
from regression_lifecycle.serving.service import MOST_EXPLAINED, Service
from regression_lifecycle.serving.store_intake import StoreIntake


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
        readers = {"/labels": service.labels.reader, "/rows": service.rows.reader}
        return describe(app, configuration.problem, model, readers)

    app.openapi = openapi  # type: ignore[method-assign]

    @app.post(
        "/predict",
        summary="Predict raw rows, or rows that were sent ahead, and log what was predicted.",
        response_model=PredictionAnswer,
        responses=taking_rows,
        dependencies=secured,
        openapi_extra={"parameters": [REQUEST_ID, EXPLAIN]},
    )
    async def predict(request: Request) -> Response:
        # Taken once: whatever is promoted from here on, this request sees one model.
        deployed = service.deployed()
        request_id, explain = request_id_of(request), wants_explanation(request)
        name, rows = deployed.model.reader.read(await read_body(request, maximum_bytes))
        if name == "keys":
            is_read = service.following.known.knows_sent_rows
            rows = deployed.model.rows_of(rows, deployed.history, knows_sent_rows=is_read)
        if explain and len(rows) > MOST_EXPLAINED:
            raise RefusedError(422, f"at most {MOST_EXPLAINED} rows are explained in one request")
        outcome = await service.batching.predict(deployed, request_id, rows)
        predictions = outcome.answers.as_dicts()
        answer = {
            "request_id": request_id,
            "model_version": deployed.model.version,
            "predictions": predictions,
            "logged": outcome.logged,
        }
        if explain:
            answer["explained_by"] = METHOD
            found = await service.explain(deployed, outcome.answers)
            for prediction, contributions in zip(predictions, found, strict=True):
                prediction["contributions"] = contributions
        return json_response(answer, headers={"X-Request-ID": request_id})

    @app.post(
        "/labels",
        summary="Hand in labels that are known now: all of the request or none.",
        response_model=IntakeAnswer,
        responses=taking_rows,
        dependencies=secured,
    )
    async def labels(request: Request) -> Response:
        return await take(service.labels, request)

    @app.post(
        "/rows",
        summary="Send rows ahead of time: what is known of them in advance, kept once per key.",
        response_model=IntakeAnswer,
        responses=taking_rows,
        dependencies=secured,
    )
    async def known_rows(request: Request) -> Response:
        return await take(service.rows, request)

    async def take(intake: StoreIntake, request: Request) -> Response:
        _, rows = intake.reader.read(await read_body(request, maximum_bytes))
        return json_response(await intake.save(rows))

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
    async def health(request: Request) -> Response:
        log = service.log.status()
        if is_stranger(request):
            log |= {name: without_cause(log[name]) for name in ("spool", "store")}
        return json_response({"status": "alive", "log": log})

    @app.get(
        "/ready",
        summary="Whether a request would be answered now.",
        response_model=dict[str, Any],
        responses={503: {"model": dict[str, Any], "description": "It would be turned away."}},
    )
    async def ready(request: Request) -> Response:
        why_not, warnings = service.why_not_ready(), service.following.warnings()
        if is_stranger(request):
            why_not = None if why_not is None else without_cause(why_not)
            warnings = [without_cause(warning) for warning in warnings]
        if why_not is not None:
            content = {"ready": False, "reason": why_not}
            return json_response(content, 503, {"Retry-After": "1"})
        deployed = service.deployed()
        newest = deployed.history.newest
        return json_response(
            {
                "ready": True,
                "model_version": deployed.model.version,
                "history_until": None if newest is None else newest.isoformat(),
                "warnings": warnings,
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
