"""JavaScript inside of a page at a third of its size, for pages that have to be one file."""

from __future__ import annotations

import base64
import gzip

UNPACK = """
const unpack = async (id) => {
  const packed = Uint8Array.from(atob(document.getElementById(id).textContent),
    (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
};
"""
"""Defines ``unpack(id)``, which runs the code of :func:`packed_script`."""


def packed_script(code: str, identifier: str) -> str:
    """Return an element that holds code and does not run it.

    Args:
        code: JavaScript.
        identifier: Id of the element, for ``unpack``.
    """
    packed = base64.b64encode(gzip.compress(code.encode(), mtime=0)).decode()
    return f'<script type="application/octet-stream" id="{identifier}">{packed}</script>'
