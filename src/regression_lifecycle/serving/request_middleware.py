"""What is looked at before the body of a request is understood: who asks, and how much."""

from __future__ import annotations

import asyncio
import hmac
import re
import uuid
from collections.abc import Awaitable, Callable

from pydantic_core import to_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from regression_lifecycle.serving.errors import RefusedError

OPEN_PATHS = frozenset({"/health", "/ready"})
_STRANGER = "came_without_token"
REQUEST_ID_PATTERN = r"^[A-Za-z0-9._:-]{1,128}$"
_REQUEST_ID = re.compile(REQUEST_ID_PATTERN.replace("$", r"\Z"))
# Who sends slower than this keeps a connection and no answer.
BODY_SECONDS = 30.0

Handler = Callable[[Request], Awaitable[Response]]


def json_response(
    content: object, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Write an answer.

    Args:
        content: What JSON can hold; infinite numbers and NaN become null.
        status: HTTP status.
        headers: Further headers.

    Returns:
        The response.
    """
    # "null" and not "constants": NaN is no JSON.
    body = to_json(content, inf_nan_mode="null")
    return Response(body, status, headers, media_type="application/json")


def refusal(error: RefusedError) -> Response:
    """Write the answer to a request that is turned away.

    Args:
        error: Why.

    Returns:
        The response.
    """
    return json_response(error.body(), error.status, error.headers)


class TokenCheck:
    """Turns away who does not know the token, before anything of the request is read."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        """Stand in front of an application.

        Args:
            app: The application.
            token: What callers must send as ``Authorization: Bearer <token>``.
        """
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request and hand it on."""
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"")
            # The same time for every wrong one, so that nobody learns it letter by letter.
            is_known = hmac.compare_digest(given, self._expected)
            scope[_STRANGER] = not is_known
            if not is_known and scope["path"] not in OPEN_PATHS:
                refused = RefusedError(
                    401,
                    "send the token of the service as 'Authorization: Bearer <token>'",
                    {"WWW-Authenticate": "Bearer", "Connection": "close"},
                )
                await refusal(refused)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def is_stranger(request: Request) -> bool:
    """Return whether a request came without the token, on a path that is open to everybody."""
    return bool(request.scope.get(_STRANGER, False))


def without_cause(sentence: str) -> str:
    """Cut a sentence before its colon: what is wrong, and not where and why.

    The cause is often a text of a library, with addresses and paths that a stranger must not know.
    """
    return sentence.partition(":")[0]


def request_id_of(request: Request) -> str:
    """Name a request: as its header says, or anew.

    Args:
        request: The request.

    Returns:
        The name.

    Raises:
        RefusedError: Status 422 if the header names it in another form.
    """
    given = request.headers.getlist("x-request-id")
    if not given:
        return str(uuid.uuid4())
    if len(given) > 1 or _REQUEST_ID.match(given[0]) is None:
        raise RefusedError(
            422, "the header X-Request-ID holds 1 to 128 letters, digits and the signs . _ : -"
        )
    return given[0]


def wants_explanation(request: Request) -> bool:
    """Return whether the caller asks for contributions.

    Args:
        request: The request.

    Raises:
        RefusedError: Status 422 if the address says something else.
    """
    unknown = sorted(set(request.query_params) - {"explain"})
    given = request.query_params.getlist("explain") or ["false"]
    if unknown or given not in (["true"], ["false"]):
        raise RefusedError(422, "the address may end in ?explain=true and in nothing else")
    return given == ["true"]


async def read_body(request: Request, maximum_bytes: int) -> bytes:
    """Read a body of JSON, and not a byte more than is allowed.

    Args:
        request: The request.
        maximum_bytes: Most bytes.

    Returns:
        The body.

    Raises:
        RefusedError: Status 415 if it is said to be something else, 413 if it is too long, 408 if
            it comes too slowly, 400 if the caller goes away.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" or "content-encoding" in request.headers:
        raise _closing(415, "send JSON as it is, with 'Content-Type: application/json'")
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told[:20]) > maximum_bytes:
        raise _too_long(maximum_bytes)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                # A body in chunks does not say how long it will be.
                if size > maximum_bytes:
                    raise _too_long(maximum_bytes)
                parts.append(part)
    except TimeoutError:
        raise _closing(408, f"the body did not come within {BODY_SECONDS:g} seconds") from None
    except ClientDisconnect:
        raise _closing(400, "the body did not come to its end") from None
    return b"".join(parts)


def _too_long(maximum_bytes: int) -> RefusedError:
    return _closing(413, f"the body is longer than {maximum_bytes} bytes; send fewer rows at once")


def _closing(status: int, message: str) -> RefusedError:
    # What is still under way of the body would be taken for the next request.
    return RefusedError(status, message, {"Connection": "close"})
