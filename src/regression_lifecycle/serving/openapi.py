"""The description of the service, made anew from the model that answers at the moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.serving.active_model import LoadedModel
from regression_lifecycle.serving.errors import Mistake
from regression_lifecycle.serving.request_middleware import REQUEST_ID_PATTERN
from regression_lifecycle.serving.request_validation import BodyReader

Json = dict[str, Any]

REQUEST_ID: Json = {
    "name": "X-Request-ID",
    "in": "header",
    "required": False,
    "description": "Name of the request in the prediction log; made up where it is left out. "
    "Of several requests with one name the log keeps the first.",
    "schema": {"type": "string", "pattern": REQUEST_ID_PATTERN},
}
EXPLAIN: Json = {
    "name": "explain",
    "in": "query",
    "required": False,
    "description": "Whether the answer says what each raw column adds to the prediction.",
    "schema": {"type": "boolean", "default": False},
}
_STATUSES = {
    400: "The body is no JSON.",
    401: "The token is missing or wrong.",
    408: "The body came too slowly.",
    413: "The body is too long.",
    415: "The body is not said to be JSON.",
    422: "A value cannot be taken; the first mistakes are listed.",
    503: "The service cannot answer now; the body says why.",
}


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Prediction(_Answer):
    """What a row is answered, in the unit of the target."""

    prediction: float
    lower: float | None = Field(description="null as long as none is known")
    upper: float | None = Field(description="null as long as none is known")
    missing: list[str] = Field(description="what the row's features looked for and did not find")
    contributions: dict[str, float] = Field(
        default={},
        description="only if asked for: what each raw column adds to `base`, the mean "
        "prediction of training rows; their sum is the prediction. `bounds` is what the bounds "
        "of the target took away or added",
    )


class PredictionAnswer(_Answer):
    """What ``/predict`` answers."""

    request_id: str
    model_version: str
    predictions: list[Prediction]
    logged: bool = Field(description="whether the prediction log has the rows")
    explained_by: str = Field(default="", description="how contributions were found, if asked for")


class IntakeAnswer(_Answer):
    """What ``/labels`` and ``/rows`` answer."""

    stored: int = Field(description="rows that were new or changed")
    received: int
    replaced: int = Field(description="rows that a later one of the request takes the place of")


class Refusal(_Answer):
    """What a request is answered that is turned away; positions of rows count from 0."""

    detail: list[Mistake]


def refusals(statuses: Sequence[int], *, has_token: bool) -> dict[int | str, Json]:
    """Describe the answers to requests that are turned away.

    Args:
        statuses: Statuses that a path answers with.
        has_token: Whether a token is asked for.

    Returns:
        What a route of FastAPI takes as ``responses``.
    """
    return {
        status: {"model": Refusal, "description": _STATUSES[status]}
        for status in (*statuses, *([401] if has_token else []))
    }


def describe(
    app: FastAPI, problem: Problem, model: LoadedModel | None, readers: Mapping[str, BodyReader]
) -> Json:
    """Write the OpenAPI document.

    Args:
        app: The application, whose routes describe themselves but for their bodies.
        problem: What is predicted.
        model: The model that answers; None if there is none yet.
        readers: By path what reads the bodies that are the same for every model.

    Returns:
        An OpenAPI 3.1 document.
    """
    version = f"Model version {model.version}." if model else "There is no model yet."
    unit = problem.columns[problem.target].unit
    target = f"Predicted: {problem.target} in {unit}." if unit else f"Predicted: {problem.target}."
    document: Json = get_openapi(
        title=app.title,
        version=app.version,
        description=f"{problem.description} {target} {version}".strip(),
        routes=app.routes,
    )
    schemas = {path: reader.json_schema for path, reader in readers.items()}
    schemas["/predict"] = {"type": "object"} if model is None else model.reader.json_schema
    examples: Json = {}
    if model is not None:
        row, label = model.example_row(), model.example_label()
        examples = {
            "/predict": {"rows": [row]},
            "/rows": {"rows": [row]},
            "/labels": {"labels": [label]},
        }
    for path, schema in schemas.items():
        example = {"example": examples[path]} if path in examples else {}
        document["paths"][path]["post"]["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema, **example}},
        }
    return document
