"""The description of the service, made anew from the model that answers at the moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from regression_lifecycle import __version__
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.serving.active_model import LoadedModel
from regression_lifecycle.serving.request_middleware import REQUEST_ID_PATTERN
from regression_lifecycle.serving.request_schema import RowColumn

Json = dict[str, Any]

_STATUSES = {
    400: "The body is no JSON.",
    401: "The token is missing or wrong.",
    408: "The body came too slowly.",
    413: "The body is too long.",
    415: "The body is not said to be JSON.",
    422: "A value cannot be taken; the first mistakes are listed.",
    503: "The service cannot answer now; the body says why.",
}
_REQUEST_ID: Json = {
    "name": "X-Request-ID",
    "in": "header",
    "required": False,
    "description": "Name of the request in the prediction log; made up where it is left out. "
    "Of several requests with one name the log keeps the first.",
    "schema": {"type": "string", "pattern": REQUEST_ID_PATTERN},
}


def describe(
    problem: Problem,
    model: LoadedModel | None,
    label_columns: Sequence[RowColumn],
    *,
    maximum_rows: int,
    has_token: bool,
) -> Json:
    """Write the OpenAPI document.

    Args:
        problem: What is predicted.
        model: The model that answers; None if there is none yet.
        label_columns: What a label holds.
        maximum_rows: Most rows of a request.
        has_token: Whether a token is asked for.

    Returns:
        An OpenAPI 3.1 document.
    """
    unit = problem.columns[problem.target].unit
    number: Json = {"type": "number", "description": f"{problem.target} in {unit}" if unit else ""}
    bound: Json = {"type": ["number", "null"], "description": "null as long as none is known"}
    answer = _object(
        {
            "request_id": {"type": "string"},
            "model_version": {"type": "string"},
            "predictions": {
                "type": "array",
                "items": _object({"prediction": number, "lower": bound, "upper": bound}),
            },
            "logged": {"type": "boolean", "description": "whether the prediction log has the rows"},
        }
    )
    labels = _object({"stored": {"type": "integer"}, "received": {"type": "integer"}})
    document: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": problem.name,
            "version": __version__,
            "description": problem.description
            + (f" Model version {model.version}." if model else " There is no model yet."),
        },
        "paths": {
            "/predict": {
                "post": _operation(
                    "Predict rows, and log what was predicted.",
                    answer,
                    (400, 401, 408, 413, 415, 422, 503),
                    has_token=has_token,
                    parameters=[_REQUEST_ID],
                    requestBody=_body("rows", _row(model), maximum_rows, _examples(model)),
                )
            },
            "/labels": {
                "post": _operation(
                    "Hand in labels that are known now: all of the request or none.",
                    labels,
                    (400, 401, 408, 413, 415, 422, 503),
                    has_token=has_token,
                    requestBody=_body("labels", _columns(label_columns), maximum_rows, None),
                )
            },
            "/model": {
                "get": _operation(
                    "The model that answers, and how it came to its place.",
                    {"type": "object"},
                    (401, 503),
                    has_token=has_token,
                )
            },
            "/health": {
                "get": _operation(
                    "Whether the process is alive, and how its log fares.", {"type": "object"}
                )
            },
            "/ready": {
                "get": _operation(
                    "Whether a request would be answered now.",
                    {"type": "object"},
                    (503,),
                    refusal={"type": "object"},
                )
            },
        },
        "components": {"schemas": {"Refusal": _refusal()}},
    }
    if has_token:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return document


def _operation(
    summary: str,
    answer: Json,
    statuses: Sequence[int] = (),
    *,
    has_token: bool = False,
    refusal: Json | None = None,
    **more: Any,
) -> Json:
    refused = refusal or {"$ref": "#/components/schemas/Refusal"}
    responses: Json = {"200": _response("The answer.", answer)}
    for status in statuses:
        if status != 401 or has_token:
            responses[str(status)] = _response(_STATUSES[status], refused)
    secured: Json = {"security": [{"token": []}]} if has_token else {}
    return {"summary": summary, **more, "responses": responses, **secured}


def _response(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _body(name: str, row: Json, maximum_rows: int, example: list[Json] | None) -> Json:
    rows = {"type": "array", "minItems": 1, "maxItems": maximum_rows, "items": row}
    content: Json = {"schema": _object({name: rows})}
    if example:
        content["example"] = {name: example}
    return {"required": True, "content": {"application/json": content}}


def _examples(model: LoadedModel | None) -> list[Json] | None:
    return None if model is None else model.example_rows()


def _row(model: LoadedModel | None) -> Json:
    if model is None:
        return {"type": "object", "description": "There is no model yet that says what it takes."}
    return _columns(model.columns)


def _columns(columns: Sequence[RowColumn]) -> Json:
    described = _object({column.name: column.json_schema() for column in columns})
    return {**described, "required": [column.name for column in columns if column.required]}


def _object(properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _refusal() -> Json:
    mistake = _object(
        {
            "row": {"type": ["integer", "null"], "description": "position in the request, from 0"},
            "column": {"type": ["string", "null"]},
            "message": {"type": "string"},
        }
    )
    return _object({"detail": {"type": "array", "items": mistake}})
