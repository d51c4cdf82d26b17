"""The page that shows the description in a browser, with files that need no network."""

from __future__ import annotations

from importlib.resources import files

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import RedirectResponse
from starlette.staticfiles import StaticFiles

# The package is taken for its files alone; they are those of swagger-ui-dist, byte by byte.
_FILES = files("fastapi_offline") / "static"
_FOLDER = "/docs/static"


def add_docs(app: FastAPI) -> None:
    """Show the description under ``/docs``, and lead there from ``/``.

    Args:
        app: An application without a page of FastAPI's own.
    """
    app.mount(_FOLDER, StaticFiles(directory=str(_FILES)))

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        # Behind a proxy the service may stand below another path.
        root = request.scope.get("root_path", "").rstrip("/")
        return get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=app.title,
            swagger_js_url=f"{root}{_FOLDER}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{_FOLDER}/swagger-ui.css",
            swagger_favicon_url=f"{root}{_FOLDER}/favicon.png",
        )

    @app.get("/", include_in_schema=False)
    async def home(request: Request) -> Response:
        return RedirectResponse(f"{request.scope.get('root_path', '').rstrip('/')}/docs")
