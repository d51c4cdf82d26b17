"""A problem's configuration as YAML that a person reads: commented, and quoted where YAML errs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from regression_lifecycle.core.profiling.profile import TableProfile
from regression_lifecycle.core.profiling.proposal import propose_parameters

_ASSUMED = "assumed; please confirm"
_WHY = {
    "maximum_rejected_share": "rows of the table that break the contract are set aside, up to here",
    "unreadable": "values that are nothing of their type stand in the table",
    "features": "a short table: nothing of a year or a season that it has not seen",
    "holdout_share": "a small table is judged on more of its rows",
    "n_splits": "a small table has fewer folds",
    "minimum_rows": "of the smaller holdout",
    "maximum_share": "of the rows that the frequency asks for many are missing anyway",
    "block": "so that the holdout has enough of them",
}


_LINES = (
    *("description", "target", "timestamp", "frequency", "irregular", "weekdays"),
    *("horizon", "label_delay", "weight_column"),
    "key",
)


def describe(profile: TableProfile, description: str = "") -> str:
    """Write the parameters of a problem.

    Args:
        profile: What the table tells.
        description: One sentence for reports and the model card.

    Returns:
        The text of a ``parameters.yml``; read by YAML it is what ``propose_parameters`` returns.
    """
    parameters = propose_parameters(profile, description)
    problem = parameters.pop("problem")
    lines = ["problem:", *_problem(profile, problem)]
    for name, section in parameters.items():
        lines += ["", f"{name}:", *_section(section)]
    return "\n".join(lines) + "\n"


class _Dumper(yaml.SafeDumper):
    """Quotes what is a number to some reader: OmegaConf takes 1e3 for one, YAML 1.2 takes 007."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "'" if re.fullmatch(r"[-+]?[\d._]+([eE][-+]?\d+)?", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def flow(value: Any, references: bool = False) -> str:
    """Write a value on one line, so that both YAML and OmegaConf read it as it is.

    Args:
        value: A value that YAML knows.
        references: Whether ``${name}`` in it is to be looked up.
    """
    text: str = yaml.dump(
        value if references else escaped(value),
        Dumper=_Dumper,
        default_flow_style=True,
        width=math.inf,
        allow_unicode=True,
        sort_keys=False,
    )
    return text.removesuffix("\n").removesuffix("\n...")


def escaped(value: Any) -> Any:
    """Return a value in which OmegaConf looks nothing up, though ``${name}`` stands in it.

    In keys it looks nothing up anyway.
    """
    if isinstance(value, str):
        return value.replace("${", "\\${")
    if isinstance(value, Mapping):
        return {key: escaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [escaped(inner) for inner in value]
    return value


def _problem(profile: TableProfile, problem: Mapping[str, Any]) -> Iterator[str]:
    for key in _LINES:
        if key in problem:
            comment = f"   # {_ASSUMED}" if key in profile.assumed else ""
            yield f"  {key}: {flow(problem[key])}{comment}"
        elif key == "label_delay" and key in profile.assumed and profile.time.has_time:
            yield f"  # label_delay: 1 day   # {_ASSUMED} that labels come with their rows"
    if "forbidden_columns" in problem:
        yield ""
        yield "  # Suspected to give the target away; take a line off if the suspicion is wrong."
        yield "  forbidden_columns:"
        for name, reason in problem["forbidden_columns"].items():
            yield f"    {_key(name)}: {flow(reason)}"
    yield ""
    yield "  # known_in_advance: true where the value is known before the row's own time."
    if "known_in_advance" in profile.assumed and profile.known_in_advance:
        yield "  # Assumed of all that gave no cause for suspicion; please confirm, or take it off."
    yield "  columns:"
    described = problem["columns"]
    for name, column in profile.columns.items():
        if name in described:
            yield f"    {_key(name)}: {flow(described[name])}"
        else:
            yield f"    # {_key(name)}: left out, {_comment(column.left_out)}"
    if "caveats" in problem:
        yield ""
        yield "  caveats:"
        for sentence in problem["caveats"]:
            yield f"    - {flow(sentence)}"


def _key(name: str) -> str:
    return flow(name, references=True)


def _comment(text: str) -> str:
    return " ".join(text.split())


def _section(section: Mapping[str, Any], depth: int = 1) -> Iterator[str]:
    indent = "  " * depth
    for key, value in section.items():
        nested = isinstance(value, Mapping) and any(isinstance(v, Mapping) for v in value.values())
        if nested:
            yield f"{indent}{key}:"
            yield from _section(value, depth + 1)
            continue
        why = _WHY.get(key)
        if isinstance(value, Mapping):
            why = next((_WHY[inner] for inner in reversed(value) if inner in _WHY), None)
        yield f"{indent}{key}: {flow(value)}{f'   # {why}' if why else ''}"
