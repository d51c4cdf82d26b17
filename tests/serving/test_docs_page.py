"""The description in a browser, without a network."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin

import pytest

from tests.serving.conftest import Begin, Models, Start, wait_until


def test_the_page_names_nothing_outside_the_service(registry: Models, start: Start) -> None:
    client = start().client
    led = client.get("/")
    assert (led.status_code, led.headers["Location"]) == (307, "docs")

    page = client.get("/docs").text

    asked = re.findall(r"""(?:href|src)="([^"]+)"|url: '([^']+)'""", page)
    paths = list(filter(None, sum(asked, ())))
    assert len(paths) == 4
    for path in paths:
        # Relative, so that it holds behind a proxy that shows the service below another path.
        assert not path.startswith("/")
        assert "//" not in path
        assert client.get(urljoin("/docs", path)).status_code == 200, path
    # Nothing else of the disk is served.
    assert client.get("/docs/static/%2e%2e/core.py").status_code == 404


@pytest.mark.browser
def test_a_browser_sends_the_example_and_asks_nobody_else(
    registry: Models, begin: Begin, browser: Any
) -> None:
    _, address, said = begin()
    wait_until(lambda: said)
    page = browser.new_page()
    page.set_default_timeout(30_000)
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))

    page.goto(address)
    page.locator(".opblock-post").first.click()
    page.get_by_text("Try it out").click()
    page.get_by_text("Execute", exact=True).click()
    page.locator(".live-responses-table", has_text='"model_version": "1"').wait_for()

    assert errors == []
    assert not [url for url in asked if not url.startswith((f"{address}/", "data:", "blob:"))]
    page.close()
