"""Type, default and example of every parameter, from the models and the files under ``conf/``.

The meaning of a parameter is written by hand, and so are the type and the default of what is text,
a list or a section: the code knows of a column's name only that it is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_args

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from scripts.field_words import default_words, type_words

from regression_lifecycle.core.variants import Variant
from regression_lifecycle.runtime.parameter_check import SECTIONS

CONF = Path(__file__).resolve().parents[1] / "conf"
# What people would write comes first; conf/test is for tests.
ENVIRONMENTS = (
    *("bike_hourly", "bike_daily", "shop_sales", "diabetes", "first_weeks"),
    *("production", "base", "test"),
)
HEADER = "| name | type | default | example | unit | effect |"
# Of what no shipped file says.
EXAMPLES = {
    "problem.name": "sales",
    "problem.description": "Pieces sold per day.",
    "problem.forbidden_columns": "{casual: a part of the target}",
    "problem.columns": "{cnt: {type: integer, minimum: 0}}",
    "problem.caveats": "[The weather of the hour itself is used.]",
    "preprocessing.features": "[{kind: calendar, parts: [hour, weekday]}]",
    "evaluation.windows": "{kind: length, length: 28 days}",
    "evaluation.gate.checks": "{r2: {minimum: 0.5}}",
    "training.model.target_transform": "{function: numpy.log1p, inverse: numpy.expm1}",
    "evaluation.gate.comparison.minimum_improvement": "0.02",
    "evaluation.gate.comparison.observed_improvement": "0",
    "evaluation.gate.comparison.block": "14 days",
    "drift.columns": "[temp, hum]",
    "drift.numerical": "{method: ks, threshold: 0.05}",
    "drift.categorical": "{method: psi, threshold: 0.2}",
    "policy.rules": "{age: {kind: schedule, maximum_age: 84 days}}",
    "backtest.policies": "{every_4: {kind: every, windows: 4}}",
    "retraining.gate": "{minimum_rows: 100}",
    "approval.actor": "ada",
    "rollback.actor": "ada",
    "alerts.events": "[alert, retrain, refuse]",
    "alerts.env": "sales,production",
    "dashboard.environment": "sales,production",
    "problem.timestamp.year": "year",
    "problem.timestamp.quarter": "quarter",
    "problem.timestamp.month": "month",
    "problem.timestamp.week": "week",
    "problem.timestamp.day": "day",
    "problem.timestamp.time": "time",
    "problem.irregular": "true",
    "problem.weekdays": "[monday, tuesday, wednesday, thursday, friday]",
    "problem.quantile": "0.9",
    "problem.weight_column": "weight",
    "problem.columns.*.missing_values": '["?", "-"]',
    "problem.columns.*.true_values": "[ja]",
    "problem.columns.*.false_values": "[nein]",
    "problem.columns.*.format": '"%d.%m.%Y"',
    "problem.columns.*.zone": "Europe/Berlin",
    "training.cross_validation.test_size": "500",
    "training.search": "{parameters: {estimator__alpha: [0.1, 1, 10]}}",
    "training.search.parameters": "{estimator__alpha: [0.1, 1, 10]}",
    "training.model.transformers": (
        "[{name: weather, columns: [temp, hum], "
        "steps: [{class: sklearn.preprocessing.StandardScaler}]}]"
    ),
    "evaluation.gate.segments": "[weekday]",
    "drift.per_column": "{temp: {method: wasserstein, threshold: 0.2}}",
    "drift.given": "hr",
    "approval.version": '"7"',
    "approval.reason": "worse at night",
    "rollback.version": '"3"',
    "rollback.reason": "counts twice at night",
    "reproduction.version": '"3"',
    "dashboard.title": "Bikes per hour",
    "alerts.channels": "[{kind: file, path: alerts.jsonl}]",
    "serving.token_env": "SERVICE_TOKEN",
}
_PLAIN = re.compile(r"(integer|number|boolean|duration|moment|`[^{])")
_OF_TYPE = {"duration": "28 days", "moment": '"2012-06-01"'}
_LONGEST = 60


class Facts(NamedTuple):
    """Cells of a parameter.

    Attributes:
        type: Empty where it is written by hand, as is the default.
        default: As YAML has it.
        example: Empty where the default is one.
    """

    type: str
    default: str
    example: str


def parameter_facts() -> dict[str, Facts]:
    """Return the facts of every field by its dotted path; ``*`` is an entry of a mapping."""
    return {path: _facts(path, field) for path, field in fields().items()}


def with_facts(page: str, facts: Mapping[str, Facts]) -> str:
    """Write the facts into the tables of parameters of a page.

    A table is one if its header is ``HEADER``. The names of its rows are dotted paths, or keys of
    the path in a comment before it, ``<!-- keys of problem.columns.* -->``.
    """
    lines, prefix, inside = [], "", False
    for line in page.splitlines():
        keys = re.fullmatch(r"<!-- keys of (\S+) -->", line)
        prefix = f"{keys[1]}." if keys else prefix
        inside = line == HEADER or (inside and line.startswith("|"))
        if line.startswith("#"):
            prefix = ""
        lines.append(_with_facts(line, prefix, facts) if inside else line)
    return "\n".join(lines) + "\n"


def _with_facts(line: str, prefix: str, facts: Mapping[str, Facts]) -> str:
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    name = re.match("`([^`]+)`", cells[0])
    found = facts.get(f"{prefix}{name[1]}" if name else "")
    if found is None:
        return line
    cells[1:4] = found.type or cells[1], found.default or cells[2], found.example
    return re.sub(r" +\|", " |", f"| {' | '.join(cells)} |")


def fields() -> dict[str, FieldInfo]:
    """Return every field of the sections by its dotted path, those of kinds left out."""
    sections = {name: model for name, model in SECTIONS.items() if not _is_family(model)}
    return dict(field for name, model in sections.items() for field in _fields_of(model, name))


def _fields_of(model: type[BaseModel], path: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        here = f"{path}.{field.alias or name}"
        yield here, field
        for inner, by_name in _models(field.annotation):
            if not _is_family(inner):
                yield from _fields_of(inner, f"{here}.*" if by_name else here)


def _models(annotation: Any, by_name: bool = False) -> Iterator[tuple[type[BaseModel], bool]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, by_name
    origin = getattr(annotation, "__origin__", None)
    if origin is tuple or origin is list:
        return
    for part in get_args(annotation):
        yield from _models(part, by_name or origin is dict)


def _is_family(model: type[BaseModel]) -> bool:
    return issubclass(model, Variant) and model.is_family()


def _facts(path: str, field: FieldInfo) -> Facts:
    words = _words(field)
    plain = bool(_PLAIN.match(words))
    default = default_words(field) if plain else ""
    if default == "required":
        default = ""
    if default and any("${derived:" in str(value) for value in _said(path, ("base",))):
        default += "; derived"
    own = {
        default.partition(";")[0].strip("`"),
        _flow(field.get_default(call_default_factory=True)),
    }
    example = EXAMPLES.get(path) or _shipped(path, own) or _OF_TYPE.get(words.split(" ")[0], "")
    is_new = example and example not in own
    return Facts(words if plain else "", default, f"`{example}`" if is_new else "")


def _words(field: FieldInfo) -> str:
    try:
        return type_words(field)
    except KeyError:  # of any type, which a validator narrows
        return ""


def _shipped(path: str, known: set[str]) -> str:
    """Return a value that a shipped file says, in one line; empty if none says another one."""
    written = (_flow(value) for value in _said(path, ENVIRONMENTS) if value)
    short = (text for text in written if len(text) <= _LONGEST and "${" not in text)
    return next((text for text in short if text not in known), "")


def _said(path: str, environments: Sequence[str]) -> Iterator[Any]:
    for environment in environments:
        for content in _files(environment):
            yield from _at(content, path.split("."))


def _at(content: Any, keys: Sequence[str]) -> Iterator[Any]:
    if not keys:
        yield content
    elif isinstance(content, Mapping):
        chosen = content.values() if keys[0] == "*" else [content.get(keys[0])]
        for value in chosen:
            yield from _at(value, keys[1:])


@cache
def _files(environment: str) -> list[Any]:
    files = sorted((CONF / environment).glob("parameters*.yml"))
    return [yaml.safe_load(file.read_text(encoding="utf-8")) for file in files]


def _flow(value: Any) -> str:
    if not isinstance(value, bool | int | float | str | list | dict):
        return ""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000)
    return text.removesuffix("\n...\n").strip().replace("'", '"')
