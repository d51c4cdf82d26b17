"""The navigation of the documentation site, without Sphinx; ``make docs`` checks the rest."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

from tests.conftest import ROOT

SITE = runpy.run_path(str(ROOT / "docs" / "site" / "conf.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def navigated() -> dict[str, str]:
    """Title and caption of every page of the navigation, by its path without an ending."""
    contents = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    found = {}
    for table in SITE["navigation"](contents):
        caption = re.search(r":caption: (.*)", table)
        for title, page in re.findall(r"^(.+) <(.+)>$", table, re.M):
            found[page] = f"{caption[1] if caption else ''}: {title}"
    return found


def test_every_page_and_notebook_is_in_the_navigation() -> None:
    others = [pattern for pattern in SITE["include_patterns"] if "*" not in pattern]
    pages = [*(ROOT / "docs").rglob("*.md"), *NOTEBOOKS, *(ROOT / name for name in others)]
    names = {page.relative_to(ROOT).with_suffix("").as_posix() for page in pages}

    assert names - set(navigated()) == {"README", "docs/README"}
    assert set(navigated()) <= names


def test_headings_and_titles_are_those_of_the_list() -> None:
    found = navigated()

    assert found["docs/reference/configuration"] == "Reference: Configuration"
    assert found["docs/how-to/environments"] == "How-to: Work with environments and --params"
    assert found["CONTRIBUTING"] == "Project: Contributing"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]

    assert code
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"]] == []
