"""The page that shows the description in a browser, with files that need no network."""

from __future__ import annotations

from importlib.resources import files

from fastapi import FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import RedirectResponse
from starlette.staticfiles import StaticFiles

# The package is taken for its files alone; they are those of swagger-ui-dist, byte by byte.
_FILES = files("fastapi_offline") / "static"
# Relative, like all addresses here: a proxy may show the service below another path.
_FOLDER = "docs/static"


def add_docs(app: FastAPI) -> None:
    """Show the description under ``/docs``, and lead there from ``/``.

    Args:
        app: An application without a page of FastAPI's own.
    """
    app.mount(f"/{_FOLDER}", StaticFiles(directory=str(_FILES)))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=app.title,
            swagger_js_url=f"{_FOLDER}/swagger-ui-bundle.js",
            swagger_css_url=f"{_FOLDER}/swagger-ui.css",
            swagger_favicon_url=f"{_FOLDER}/favicon.png",
        )

    @app.get("/", include_in_schema=False)
    async def home() -> Response:
        return RedirectResponse("docs")
