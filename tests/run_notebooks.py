"""Runs the cells of notebooks in the working folder, one process for all of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(paths: list[str]) -> None:
    for path in paths:
        names: dict[str, object] = {}
        for cell in json.loads(Path(path).read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), f"{path}#{cell['id']}", "exec"), names)


if __name__ == "__main__":
    main(sys.argv[1:])
