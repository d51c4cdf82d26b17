"""Runs the cells of notebooks, one process for all of them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

BETWEEN = "\f\n"


def main(folder: str, env: str, *paths: str) -> None:
    os.chdir(folder)
    os.environ["KEDRO_ENV"] = env
    for path in paths:
        names: dict[str, object] = {}
        for cell in json.loads(Path(path).read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), f"{path}#{cell['id']}", "exec"), names)


if __name__ == "__main__":
    # A line per project: its folder, its environment and the notebooks.
    for line in sys.stdin.read().splitlines():
        main(*json.loads(line))
        sys.stdout.write(BETWEEN)
