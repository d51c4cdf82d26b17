"""A snapshot as an HTML page that runs nothing but its own library.

Evidently pastes names and values from the data into a script block, where ``</script>`` in a
column name or a category ends the block and runs what follows. Here the data is an inert JSON
block with every ``<``, ``>`` and ``&`` escaped, and the page carries a content security policy
under which no script but the library and the starter may run, and nothing may be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regression_lifecycle.adapters.evidently.library import quiet
from regression_lifecycle.adapters.packed_script import UNPACK, packed_script

if TYPE_CHECKING:
    from evidently.core.report import Snapshot

_POLICY = (
    "default-src 'none'; script-src {sources}; style-src 'unsafe-inline'; "
    "font-src data:; img-src data: blob:; base-uri 'none'; form-action 'none'"
)
_STARTER = f"""{UNPACK}
(async () => {{
const root = document.getElementById("root");
const read = (id) => JSON.parse(document.getElementById(id).textContent);
if (document.getElementById("library")) await unpack("library");
if (window.drawDashboard) {{
  window.drawDashboard(read("widgets"), new Map(Object.entries(read("graphs"))), "root");
}} else {{
  root.textContent = "The drawing library is missing. It belongs at: " + root.dataset.library;
}}
}})();
"""
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
</head>
<body>
<div id="root" data-library="{library}"></div>
<script type="application/json" id="widgets">{widgets}</script>
<script type="application/json" id="graphs">{graphs}</script>
{script}
<script>{starter}</script>
</body>
</html>
"""
# The names of the font and of its class are the ones the library asks for.
_FONT = """
;(() => {
  const style = document.createElement("style");
  style.textContent = `
    @font-face {font-family: "Material Icons"; src: url(data:font/woff2;base64,%s)}
    .material-icons {font: normal 24px/1 "Material Icons"; display: inline-block;
      white-space: nowrap; -webkit-font-feature-settings: "liga"}`;
  document.head.appendChild(style);
})();
"""


@cache
def library_code() -> bytes:
    """Give the JavaScript that every page needs: Evidently's bundle with its icon font.

    Returns:
        UTF-8 code for a file beside the pages, about 3.5 MB.
    """
    import evidently

    static = Path(evidently.__path__[0]) / "nbextension" / "static"
    bundle = (static / "index.js").read_text(encoding="utf-8")
    font = base64.b64encode((static / "material-ui-icons.woff2").read_bytes()).decode()
    code = "var global = globalThis;\n" + bundle + _FONT % font
    # In code, "<\/" in a text or a pattern means "</", and a page does not end its script there.
    return code.replace("</script", "<\\/script").encode()


def library_name() -> str:
    """Name the shared library by its content, so that an upgrade leaves old pages working.

    Returns:
        16 hexadecimal digits and ``.js``.
    """
    return f"{hashlib.sha256(library_code()).hexdigest()[:16]}.js"


def safe_html(snapshot: Snapshot, library_path: str | None = None) -> str:
    """Render a snapshot as a page that is safe to open whatever its data holds.

    Args:
        snapshot: A report that has run.
        library_path: Relative URL of a file with :func:`library_code`; None puts the code into
            the page, packed, which then needs no other file and is 1.3 MB larger.

    Returns:
        The page. It opens from disk, and without a network.
    """
    with quiet():
        widgets, graphs = _content(snapshot)
    if library_path is None:
        code = library_code().decode()
        sources, script = _hash(code), packed_script(code, "library")
    else:
        sources = "'self' file:"
        script = f'<script src="{html.escape(library_path)}"></script>'
    return _PAGE.format(
        policy=_POLICY.format(sources=f"{sources} {_hash(_STARTER)}"),
        title=html.escape(snapshot.get_name() or "report"),
        library=html.escape(library_path or ""),
        widgets=widgets,
        graphs=graphs,
        script=script,
        starter=_STARTER,
    )


def _content(snapshot: Snapshot) -> tuple[str, str]:
    from evidently.legacy.model.dashboard import DashboardInfo
    from evidently.legacy.model.widget import AdditionalGraphInfo
    from evidently.legacy.renderers.html_widgets import group_widget

    model = snapshot.to_snapshot_model()
    group = group_widget(title="", widgets=model.widgets)
    group.id = "report"  # else a new one each time, and no two pages of one snapshot are equal
    widgets = [group, *model.tests_widgets]
    graphs: dict[str, Any] = {}
    for widget in widgets:
        for graph in widget.get_additional_graphs():
            alone = isinstance(graph, AdditionalGraphInfo)
            graphs[str(graph.id)] = graph.params if alone else graph.dict()
    info = DashboardInfo(name="Report", widgets=widgets).dict()
    for widget in info["widgets"]:
        widget.pop("additionalGraphs", None)
    return _script_json(info), _script_json(graphs)


def _script_json(data: Any) -> str:
    """Write JSON that may stand in a script block: strict, and without a character of HTML."""
    from evidently.legacy.utils import NumpyEncoder

    loose = json.dumps(data, cls=NumpyEncoder)
    text = json.dumps(json.loads(loose, parse_constant=lambda _: None), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(code: str) -> str:
    digest = hashlib.sha256(code.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
