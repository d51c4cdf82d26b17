"""The part of this package that travels beside a registered model, so that it loads without it."""

from __future__ import annotations

import ast
import shutil
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[3]
_PACKAGE = "regression_lifecycle"
# Estimators are named in the model's own file, and not imported by any other.
_STARTS = (
    f"{_PACKAGE}.adapters.mlflow.pyfunc_model",
    f"{_PACKAGE}.core.estimators",
)


def copy_shipped_code(folder: Path) -> Path:
    """Copy what the registered model runs, and all that this imports of the package.

    Args:
        folder: An existing folder.

    Returns:
        The package below it.
    """
    for name in shipped_files():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_ROOT / name, target)
    return folder / _PACKAGE


@cache
def shipped_files() -> tuple[str, ...]:
    """Return the files that are copied, as paths from the folder of the package."""
    found: set[Path] = set()
    waiting = list(_STARTS)
    while waiting:
        module = waiting.pop()
        path = _file_of(module)
        if path is None or path in found:
            continue
        found.add(path)
        waiting += [module.rpartition(".")[0], *_imports(path)]
    # MLflow copies the model's own file apart.
    return tuple(sorted(str(path.relative_to(_ROOT)) for path in found - {_file_of(_STARTS[0])}))


def _file_of(module: str) -> Path | None:
    path = _ROOT.joinpath(*module.split("."))
    candidates = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in candidates if file.is_file()), None)


def _imports(path: Path) -> list[str]:
    """Return the modules of this package that a file may import, wherever it does."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_PACKAGE):
            # What is imported from a package may be a module of it.
            names += [f"{node.module}", *(f"{node.module}.{each.name}" for each in node.names)]
    return names
