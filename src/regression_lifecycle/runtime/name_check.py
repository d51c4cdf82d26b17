"""Names in the configuration that nothing would read: files, sections, entries, removals."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from regression_lifecycle.core.errors import unknown_name
from regression_lifecycle.runtime.config_loader import EXTENDS, overlay
from regression_lifecycle.runtime.sections import sections_of

if TYPE_CHECKING:
    from kedro.pipeline import Pipeline

_GLOBAL = re.compile(r"\$\{(?:globals:)?(\w+)[,}]")
# Mappings by name of which an environment removes an entry by null.
_REMOVED = re.compile(
    r"((backtest\.policies\.[^.]+\.)?policy\.rules|backtest\.policies"
    r"|(evaluation|retraining)\.gate\.checks)\.[^.]+"
)


def unread_names(loader: Any, sections: Collection[str]) -> list[str]:
    """Find what stands in the files of a configuration and would be ignored.

    Args:
        loader: The configuration loader.
        sections: Sections of the parameters that are known.

    Returns:
        One line per name, with its file and the nearest one that would be read.
    """
    return [
        *_files(loader),
        *_sections(loader, sections),
        *_globals(loader),
        *_entries(loader),
        *_removals(loader),
    ]


def _files(loader: Any) -> Iterator[str]:
    known = [f"{kind}.yml" for kind in loader.config_patterns]
    for place in loader.unread_files():
        yield f"{place}: {unknown_name('file', place.rpartition('/')[2], known)}"


def _sections(loader: Any, sections: Collection[str]) -> Iterator[str]:
    found = dict.fromkeys(
        (place, name) for _, place, content in loader.written("parameters") for name in content
    )
    wrong = [(place, name) for place, name in found if name not in sections and name[:1] != "_"]
    if wrong:
        # A section of one's own belongs to a pipeline, which need not be among those that run.
        known = {*sections, *sections_of(_pipelines().values())}
        for place, name in wrong:
            if name not in known:
                yield f"{name}: {unknown_name('section', name, known, len(known))} ({place})"


def _globals(loader: Any) -> Iterator[str]:
    # A name of one's own is one that some file asks for.
    known = {EXTENDS, *(name for text in loader.texts() for name in _GLOBAL.findall(text))}
    for folder, place, content in loader.written("globals"):
        known |= set(content) if folder == loader.base_env else set()
        for name in content:
            if name not in known:
                yield f"{name}: {unknown_name('name', name, known)} ({place})"


def _entries(loader: Any) -> Iterator[str]:
    known: set[str] = set()
    added: list[tuple[str, str]] = []
    for folder, place, content in loader.written("catalog"):
        if folder == loader.base_env:
            known |= set(content)
        else:
            added += [(place, name) for name in content]
    # Templates and patterns are named freely.
    wrong = [one for one in added if one[1] not in known and not re.match(r"_|.*\{", one[1])]
    if wrong:
        known |= {name for pipeline in _pipelines().values() for name in pipeline.datasets()}
        known = {name for name in known if not name.startswith(("params:", "_"))}
        for place, name in wrong:
            if name not in known:
                yield f"{name}: {unknown_name('catalog entry', name, known, 5)} ({place})"


def _removals(loader: Any) -> Iterator[str]:
    below: dict[str, Any] = {}
    layers = [(place, content) for _, place, content in loader.written("parameters")]
    for place, content in [*layers, ("--params", loader.runtime_params or {})]:
        for path in _nulls(content):
            *parents, name = path.split(".")
            known = _at(below, parents)
            if _REMOVED.fullmatch(path) and name not in known:
                yield f"{path}: null removes nothing: {unknown_name('name', name, known)} ({place})"
        below = overlay(below, content)


def _nulls(content: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in content.items():
        if value is None:
            yield f"{prefix}{name}"
        elif isinstance(value, Mapping):
            yield from _nulls(value, f"{prefix}{name}.")


def _at(content: Any, parts: list[str]) -> Mapping[str, Any]:
    for part in parts:
        content = content.get(part) if isinstance(content, Mapping) else None
    return content if isinstance(content, Mapping) else {}


def _pipelines() -> dict[str, Pipeline]:
    # All of them; Kedro's own register holds those alone that were asked for.
    registry = import_module(f"{__name__.partition('.')[0]}.pipeline_registry")
    found: dict[str, Pipeline] = registry.register_pipelines()
    return found
