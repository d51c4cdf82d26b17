"""How Sphinx builds the documentation site: `make docs`.

The pages are the Markdown files of the repository where they stand, so that every relative link
works here as on a code host. The list in ``docs/README.md`` is the navigation.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# The last thing that `kedro run` writes for the notebooks; without it there is nothing to show.
FINISHED = ROOT / "data" / "bike_hourly" / "08_reporting" / "holdout_metrics.json"
HOME = "README"
CONTENTS = "docs/README"
_SECTION = re.compile(r"^## (.+)\n((?:(?!## ).*\n?)+)", re.MULTILINE)
_ENTRY = re.compile(r"^- \[([^]]+)\]\(([^)]+)\.(?:md|ipynb)\)", re.MULTILINE)
_ANCHOR = re.compile(r'^<a id="([^"]+)"></a>$', re.MULTILINE)

project = "Regression Lifecycle"
author = "The Regression Lifecycle maintainers"
copyright = author
extensions = ["myst_nb"]
root_doc = HOME
include_patterns = [
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"),
    "docs/**.md",
    "notebooks/*.ipynb",
    "benchmarks/README.md",
    "data/01_raw/README.md",
]
exclude_patterns = [".*", "build", "conf", "src", "tests", "**/.ipynb_checkpoints"]
templates_path = ["templates"]

# Markdown as code hosts read it.
myst_enable_extensions = ["tasklist"]
myst_heading_anchors = 6
suppress_warnings = ["myst.header"]

nb_execution_mode = "force" if FINISHED.exists() else "off"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

html_theme = "furo"
html_title = project
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_sphinx = False
html_context = {"notebooks_ran": nb_execution_mode == "force"}
html_theme_options = {"navigation_with_keys": True}


def navigation(contents: str) -> Iterator[str]:
    """Write the tables of contents that Sphinx navigates by.

    Args:
        contents: Text of ``docs/README.md``: headings, and lists of links below them.

    Yields:
        A hidden table of contents per heading, in MyST.
    """
    folder = PurePosixPath(CONTENTS).parent
    yield f"```{{toctree}}\n:hidden:\n\n{CONTENTS}\n```"
    for heading, entries in _SECTION.findall(contents):
        lines = [
            f"{title.replace('`', '')} <{normpath(str(folder / page))}>"
            for title, page in _ENTRY.findall(entries)
        ]
        yield "\n".join(["```{toctree}", ":hidden:", f":caption: {heading}", "", *lines, "```"])


def adapt(app: Any, page: str, source: list[str]) -> None:
    """Turn what MyST does not read into what it does, and give the first page the navigation."""
    if page.startswith("notebooks/"):
        return
    # Mermaid draws with a script from the network; its source can be read.
    source[0] = _ANCHOR.sub(r"(\1)=", source[0]).replace("```mermaid\n", "```text\n")
    if page == HOME:
        contents = (ROOT / f"{CONTENTS}.md").read_text(encoding="utf-8")
        source[0] = "\n\n".join([source[0], *navigation(contents)])


def add_index(app: Any, exception: Exception | None) -> None:
    """Let the folder open with its first page."""
    if exception is None and app.builder.format == "html":
        shutil.copy(Path(app.outdir) / f"{HOME}.html", Path(app.outdir) / "index.html")


def setup(app: Any) -> None:
    """Connect the functions above, and let the notebooks show the bikes."""
    os.environ["KEDRO_ENV"] = "bike_hourly,local"
    logging.getLogger("traitlets").setLevel(logging.WARNING)
    app.connect("source-read", adapt)
    app.connect("build-finished", add_index)
