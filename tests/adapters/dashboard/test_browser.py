"""The page in a browser: drawn from disk, in both themes, and deaf to what the data says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regression_lifecycle.adapters.dashboard import render_page
from regression_lifecycle.core.decisions.records import Reason, to_cell
from tests.adapters.dashboard.examples import (
    backtest,
    champion,
    drift,
    full_tables,
    ledger,
    page_problem,
    page_tables,
    windows,
)

pytestmark = [pytest.mark.slow, pytest.mark.browser]
ATTACK = "</script><script>window.__pwned = 1</script>"
IMAGE = "<img src=x onerror='window.__pwned = 2'>"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    of = windows().assign(alarms=IMAGE, window=lambda frame: frame["window"] + IMAGE)
    history, summary = backtest(of, (ATTACK, IMAGE))
    hostile = full_tables(
        window_history=of,
        drift_history=drift(of, (ATTACK, IMAGE)),
        backtest_history=history,
        backtest_summary=summary,
        ledger=ledger().assign(reasons=to_cell([Reason(ATTACK)]), actor=IMAGE),
        champion=champion(ATTACK),
    )
    contents = {
        "full": full_tables(),
        "hostile": hostile,
        "empty": page_tables(problem=page_problem()),
    }
    for name, tables in contents.items():
        (folder / f"{name}.html").write_text(render_page(tables), encoding="utf-8")
    return folder


class Visit:
    """An open page with everything it complained about or asked for."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.context = browser.new_context(offline=True, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())

    def drawn(self, theme: str) -> Visit:
        self.page.wait_for_selector(f"html[data-drawn={theme}]")
        return self


def test_every_chart_is_drawn_without_a_complaint_or_a_request(browser: Any, pages: Path) -> None:
    visit = Visit(browser, pages / "full.html").drawn("light")
    charts = visit.page.locator("[data-chart]")
    assert charts.count() == 11
    assert visit.page.locator("[data-chart] svg").count() == 11
    axis = visit.page.locator("[data-chart=error] .role-axis-label text").all_text_contents()
    assert {"v1", "v2", "v3"} <= set(axis)
    assert visit.complaints == []
    assert visit.requests == [(pages / "full.html").as_uri()]
    visit.context.close()


def test_a_window_under_the_pointer_tells_its_figures(browser: Any, pages: Path) -> None:
    visit = Visit(browser, pages / "full.html").drawn("light")
    visit.page.locator("[data-chart=error] svg").hover(position={"x": 200, "y": 120})
    tooltip = visit.page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    words = tooltip.inner_text()
    rows = windows().set_index("window")
    name = next(name for name in rows.index if name in words)
    assert f"{rows.loc[name, 'rmse']:.1f}" in words
    visit.context.close()


def test_ticks_are_starts_of_windows(browser: Any, pages: Path) -> None:
    visit = Visit(browser, pages / "full.html").drawn("light")
    labels = visit.page.locator("[data-chart=coverage] .role-axis-label text")
    shown = [text for text in labels.all_text_contents() if "%" not in text]
    starts = windows()["start"]
    assert shown[0] == "5 Feb 2011"
    assert set(shown[1:]) <= {f"{moment.day} {moment:%b}" for moment in starts}
    visit.context.close()


def test_a_series_is_picked_by_the_keyboard(browser: Any, pages: Path) -> None:
    visit = Visit(browser, pages / "full.html").drawn("light")
    line = visit.page.locator("[data-chart=series] .mark-line path").last
    found = visit.page.locator("#series-found")
    assert found.inner_text() == "1 of 2 by share of the error"
    before = line.get_attribute("d")
    visit.page.focus("#series-name")
    visit.page.keyboard.type("north")
    visit.page.wait_for_function(
        "before => [...document.querySelectorAll('[data-chart=series] .mark-line path')]"
        ".at(-1).getAttribute('d') !== before",
        arg=before,
    )
    assert found.inner_text() == "2 of 2 by share of the error"
    visit.page.keyboard.type("ern")
    assert found.inner_text() == "no series of this name"
    assert visit.complaints == []
    visit.context.close()


def test_on_paper_nothing_is_dark_and_the_verdict_is_there(browser: Any, pages: Path) -> None:
    visit = Visit(browser, pages / "full.html", color_scheme="dark").drawn("dark")
    visit.page.emulate_media(media="print")
    assert visit.page.evaluate("getComputedStyle(document.body).color") == "rgb(22, 25, 31)"
    assert visit.page.locator("#health-title").is_visible()
    assert not visit.page.locator("header.top").is_visible()
    visit.context.close()


def test_the_theme_follows_the_system_and_then_the_button(browser: Any, pages: Path) -> None:
    visit = Visit(browser, pages / "full.html", color_scheme="dark").drawn("dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert visit.page.evaluate(ground) == "rgb(16, 19, 24)"
    visit.page.focus("#theme")
    visit.page.keyboard.press("Enter")
    visit.drawn("light")
    assert visit.page.evaluate(ground) == "rgb(246, 247, 249)"
    assert visit.complaints == []
    visit.context.close()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["full", "empty"])
def test_no_page_is_wider_than_its_window(browser: Any, pages: Path, name: str, width: int) -> None:
    visit = Visit(browser, pages / f"{name}.html", viewport={"width": width, "height": 800})
    if name == "full":
        visit.drawn("light")
    assert visit.page.evaluate("document.documentElement.scrollWidth") == width
    assert visit.complaints == []
    visit.context.close()


@pytest.mark.parametrize("policy", [True, False], ids=["policy", "no policy"])
def test_what_the_data_says_is_only_read(browser: Any, pages: Path, policy: bool) -> None:
    # Without its policy too: the escaping alone must hold.
    visit = Visit(browser, pages / "hostile.html", bypass_csp=not policy).drawn("light")
    for chart in ("error", "drift", "policies"):
        box = visit.page.locator(f"[data-chart={chart}] svg")
        box.hover(position={"x": 300, "y": 20})
        visit.page.wait_for_timeout(150)
    assert visit.page.evaluate("window.__pwned") is None
    assert visit.page.locator("img").count() == 0
    assert visit.page.get_by_text("window.__pwned = 1").count() > 0
    assert visit.complaints == []
    assert visit.requests == [(pages / "hostile.html").as_uri()]
    visit.context.close()
