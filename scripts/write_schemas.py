"""Write the JSON Schema that editors check ``conf/*/parameters*.yml`` with.

It is made of the typed models of the parameters. Run it with ``make tables`` after one of them was
changed; a test fails while the file is behind.
"""

from __future__ import annotations

import json
from pathlib import Path

from regression_lifecycle.runtime.json_schema import parameters_schema

PATH = Path(__file__).resolve().parents[1] / "conf" / ".schema" / "parameters.json"


def schema_text() -> str:
    """Return what the file has to hold."""
    return json.dumps(parameters_schema(), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Rewrite the file if it has changed."""
    text = schema_text()
    if not PATH.exists() or PATH.read_text(encoding="utf-8") != text:
        PATH.parent.mkdir(exist_ok=True)
        PATH.write_text(text, encoding="utf-8")
        print(f"{PATH.relative_to(PATH.parents[2])}: written anew")


if __name__ == "__main__":
    main()
