"""The list of all problems."""

from __future__ import annotations

import json
import re
from typing import Any

from regression_lifecycle.adapters.dashboard import render_index
from regression_lifecycle.core.decisions.records import to_json
from tests.adapters.dashboard.examples import (
    champion,
    full_tables,
    page_problem,
    page_tables,
)


def recorded(name: str, *, acts: bool) -> Any:
    problem = page_problem(name)
    tables = full_tables() if acts else page_tables(problem=problem, champion=champion("1"))
    return json.loads(json.dumps(to_json(tables.health)))


def test_those_that_ask_for_a_person_come_first_and_links_are_relative() -> None:
    html = render_index(
        {
            "a b/08_reporting": {**recorded("ab", acts=False), "problem": "<a> b"},
            "bikes/08_reporting": recorded("bikes", acts=True),
            "odd/08_reporting": None,
        }
    )

    assert re.findall(r'href="(.*?)"', html) == [
        "odd/08_reporting/index.html",
        "bikes/08_reporting/index.html",
        "a%20b/08_reporting/index.html",
    ]
    rows = html.split("<tr>")[2:]
    assert "its health cannot be read" in rows[0]
    assert '<span class="badge bad">act</span>' in rows[1]
    assert "kedro run --pipelines=retraining" in rows[1]
    assert "version 3" in rows[1]
    assert "&lt;a&gt; b" in rows[2]
    assert "watch" in rows[2]
    assert "<script" not in html


def test_the_list_without_a_problem_is_a_page() -> None:
    assert "All problems" in render_index({})
