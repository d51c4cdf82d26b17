"""Tables of what is called from outside: commands, exit codes, make, paths of the service."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
from fastapi.openapi.utils import get_openapi

from regression_lifecycle.cli import cli
from regression_lifecycle.core.errors import LockedError
from regression_lifecycle.runtime import new_table, tick
from regression_lifecycle.runtime.session import TERMINATED
from regression_lifecycle.serving.app import make_app

MAKEFILE = Path(__file__).resolve().parents[1] / "Makefile"
_TARGET = re.compile(r"^([a-z-]+):.*?## (.+)$", re.MULTILINE)


def commands() -> Iterator[str]:
    """Write a chapter per command of the project, with its arguments and options."""
    context = click.Context(cli, info_name="kedro")
    for name in sorted(cli.list_commands(context)):
        command = cli.get_command(context, name)
        assert command is not None
        yield from (f"## kedro {name}", "", *_help(command), "")
        usage = click.Context(command, parent=context, info_name=name).command_path
        words = [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
        yield from ("```text", " ".join([usage, "[OPTIONS]", *words]), "```", "")
        yield from ("| option | meaning |", "| --- | --- |")
        options = [option for option in command.params if isinstance(option, click.Option)]
        for option in options:
            names = ", ".join(f"`{flag}`" for flag in sorted(option.opts, key=len, reverse=True))
            needed = "Required. " if option.required else ""
            yield f"| {names} | {needed}{_cell(option.help or '')} |"
        yield ""


def _help(command: click.Command) -> list[str]:
    """The paragraphs of a command's help, each on one line."""
    paragraphs = re.split(r"\n\s*\n", (command.help or "").strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs).splitlines()


def exits() -> Iterator[str]:
    """Write the table of exit codes."""
    yield "| code | command | means |"
    yield "| --- | --- | --- |"
    yield "| 0 | all | done; of `kedro tick` also: nothing to do |"
    yield "| 1 | all | an error, which is printed; of `check`, `reproduce`: it does not hold |"
    yield "| 2 | all | an option or a command is unknown, or a value cannot be taken |"
    yield f"| {new_table.DIFFERENT} | `kedro new-table` | the folder is there and says otherwise |"
    for code, meaning in tick.EXIT_CODES.items():
        if code != tick.NOTHING:
            yield f"| {code} | `kedro tick` | {meaning} |"
    yield (
        f"| {LockedError.exit_code} | all that write | another run is at work in the workspace; "
        "the same command will do later |"
    )
    yield f"| {TERMINATED} | all that run pipelines | ended by SIGTERM; MLflow's run is KILLED |"


def targets() -> Iterator[str]:
    """Write the table of make's targets."""
    yield "| target | does |"
    yield "| --- | --- |"
    for name, meaning in _TARGET.findall(MAKEFILE.read_text(encoding="utf-8")):
        yield f"| `make {name}` | {_cell(meaning)} |"


def paths() -> Iterator[str]:
    """Write what the service answers, path by path, and the fields of the answers."""
    document = _openapi()
    yield "| path | answers with | statuses |"
    yield "| --- | --- | --- |"
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            statuses = ", ".join(sorted(operation["responses"]))
            meaning = _cell(operation["summary"])
            yield f"| `{method.upper()} {path}` | {meaning} | {statuses} |"
    yield from ("", "| parameter | of | in | type | meaning |", "| --- | --- | --- | --- | --- |")
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for one in operation.get("parameters", ()):
                kind, meaning = _schema_type(one["schema"]), _cell(one["description"])
                yield f"| `{one['name']}` | `{path}` | {one['in']} | {kind} | {meaning} |"
    for name, schema in document["components"]["schemas"].items():
        about, _, attributes = schema["description"].partition("Attributes:")
        known = dict(re.findall(r"^ *(\w+): (.*)$", attributes, re.MULTILINE))
        yield from ("", f"### {name}", "", f"{_cell(about)}.", "")
        yield from ("| field | type | meaning |", "| --- | --- | --- |")
        for field, of in schema["properties"].items():
            meaning = of.get("description") or known.get(field, "")
            yield f"| `{field}` | {_schema_type(of)} | {_cell(meaning)} |"


def _openapi() -> dict[str, Any]:
    """Describe the paths without a model, a store or a table: none of them is asked."""
    serving = SimpleNamespace(maximum_body_bytes=0)
    problem = SimpleNamespace(name="problem")
    configuration = SimpleNamespace(serving=serving, problem=problem, token="any")  # noqa: S106
    service: Any = SimpleNamespace(configuration=configuration, labels=None, rows=None)
    app = make_app(service)
    return get_openapi(title=app.title, version=app.version, routes=app.routes)


def _schema_type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(map(_schema_type, schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_schema_type(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"{_schema_type(schema['additionalProperties'])} by name"
    words = {"string": "text", "object": "object", "null": "null"}
    return words.get(schema["type"], schema["type"])


def _cell(text: str) -> str:
    """Write a text in the cell of a table, the first letter large and without a final full stop."""
    plain = " ".join(text.split()).replace("|", "\\|").replace("``", "`").rstrip(".")
    return plain[:1].upper() + plain[1:]
