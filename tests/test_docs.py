"""What README and docs say of commands, entries, parameters, pipelines and files is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args
from urllib.parse import unquote

import click
import pytest
import yaml
from kedro.framework.cli.cli import KedroCLI
from pydantic import BaseModel
from scripts.write_tables import TABLES, with_tables

from regression_lifecycle.core.variants import Variant
from regression_lifecycle.pipeline_registry import register_pipelines
from regression_lifecycle.runtime.parameter_check import SECTIONS
from scripts import end_demo
from tests.conftest import ROOT

DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PACKAGE = ROOT / "src" / "regression_lifecycle"
PAGES = sorted(
    [
        *DOCS.rglob("*.md"),
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *(ROOT / name / "README.md" for name in ("benchmarks", "data/01_raw")),
    ]
)
PIPELINES = register_pipelines()
# Environments that a page tells the reader to make.
EXAMPLES = {"mine", "sales", "hours"}
# What a path in the text begins with.
FOLDERS = {path.name for path in PACKAGE.iterdir() if path.is_dir()} | {"benchmarks", "tests"}

CODE_BLOCK = re.compile(r"^(```.*?^```|(?: {4}.*\n)+)", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\s*(?:\$ )?(?:uv run |\.venv/bin/|\S*=\S* )*(kedro|make)\s(.*)$")


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


every_page = pytest.mark.parametrize("page", PAGES, ids=page_name)


def inline_code(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def section(file: str, heading: str) -> str:
    """The part of a page below a heading of the second level."""
    text = (REFERENCE / file).read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert found is not None, f"{file} has no section '{heading}'"
    return found[1]


def rows(table: str) -> dict[str, list[str]]:
    """Cells of the rows of tables, by the code in their first cell."""
    found = {}
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        for name in inline_code(cells[0]) if line.startswith("| `") else []:
            found[name] = cells
    return found


# Links --------------------------------------------------------------------------------------------
def anchors(page: Path) -> set[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


@every_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


def test_every_page_of_the_docs_is_in_their_list() -> None:
    listed = re.findall(r"\]\(([^)#]+\.md)", (DOCS / "README.md").read_text(encoding="utf-8"))

    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")} - {"README.md"}
    assert pages - set(listed) == set()


@every_page
def test_every_file_of_the_code_that_is_named_is_there(page: Path) -> None:
    named = [
        name
        for name in inline_code(page.read_text(encoding="utf-8"))
        if re.fullmatch(r"(?:[a-z_]+/)+[a-z0-9_]*(?:\.py|/)?", name)
        and name.split("/")[0] in FOLDERS
    ]

    assert [name for name in named if not any((at / name).exists() for at in (PACKAGE, ROOT))] == []


# Commands -----------------------------------------------------------------------------------------
def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    lines = [line for block in CODE_BLOCK.findall(text) for line in block.splitlines()]
    for line in [*lines, *inline_code(text)]:
        found = COMMAND.match(line)
        if found is not None and "..." not in found[2]:
            yield found[1], shlex.split(found[2], comments=True)


@cache
def kedro() -> click.Command:
    return KedroCLI(project_path=ROOT)


def mistakes_of(words: list[str]) -> list[str]:
    """What is wrong with a `kedro` command, by the commands and options that there are."""
    command, found = kedro(), []
    context = click.Context(command)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        inner = command.get_command(context, words[0])
        if inner is None:
            return [f"no command {words[0]}"]
        command, words = inner, words[1:]
    options = {
        name: option
        for option in command.get_params(click.Context(command))
        for name in option.opts
    }
    values = {}
    for position, word in enumerate(words):
        if word.startswith("-"):
            name, joined, value = word.partition("=")
            following = words[position + 1] if position + 1 < len(words) else ""
            values[name] = value if joined else following
            found += [] if name in options else [f"no option {name}"]
    known = {
        "--pipelines": set(PIPELINES),
        "--pipeline": set(PIPELINES),
        "--nodes": {node.name for made in PIPELINES.values() for node in made.nodes},
        "--env": environments(),
    }
    for option, names in known.items():
        given = [name for name in values.get(option, "").split(",") if name]
        # In capitals, it stands for any of them.
        found += [
            f"{option}: no {name}" for name in given if name not in names and not name.isupper()
        ]
    for name in re.findall(r"(?:^|,)([a-z_.]+)=", values.get("--params", "")):
        found += [] if is_parameter(name) else [f"--params: no {name}"]
    return found


def environments() -> set[str]:
    return {path.name for path in (ROOT / "conf").iterdir()} | EXAMPLES


def is_parameter(path: str) -> bool:
    """Whether a parameter is described, or lies in something that is, such as an estimator."""
    parts = path.split(".")
    wholes = {".".join(parts[:length]) for length in range(2, len(parts))}
    return is_described(path) or bool(wholes & documented_parameters())


def mistakes_in(text: str) -> list[str]:
    """What is wrong with the commands of a text."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    found = []
    for program, words in commands(text):
        wrong = mistakes_of(words) if program == "kedro" else []
        if program == "make":
            wrong = [word for word in words if "=" not in word and word not in targets]
            named = (word.removeprefix("ENV=") for word in words if word.startswith("ENV="))
            wrong += [env for envs in named for env in set(envs.split(",")) - environments() if env]
        found += [f"{program} {' '.join(words)}: {mistake}" for mistake in wrong]
    return found


@every_page
def test_every_command_of_kedro_and_make_is_one(page: Path) -> None:
    assert mistakes_in(page.read_text(encoding="utf-8")) == []


def test_every_command_that_the_demo_ends_with_is_one() -> None:
    closing = end_demo.CLOSING
    typed = re.findall(r"^ +((?:make|kedro) .*?)(?:   .*)?$", closing, re.M)

    assert len(typed) >= 5
    assert mistakes_in("\n".join(f"`{command}`" for command in typed)) == []


def test_a_wrong_command_would_be_found() -> None:
    assert mistakes_of(["run", "--pipelines=trainin", "--nods=a"]) == [
        "no option --nods",
        "--pipelines: no trainin",
    ]
    assert mistakes_of(["tock"]) == ["no command tock"]
    for name in ("trainin.model.seed", "training.modl.seed", "training.model.sed"):
        assert mistakes_of(["run", f"--params={name}=1"]) == [f"--params: no {name}"]
    assert mistakes_in("`make uj ENV=bike_hourly,dmo`") == [
        "make uj ENV=bike_hourly,dmo: uj",
        "make uj ENV=bike_hourly,dmo: dmo",
    ]


def test_every_environment_that_comes_with_the_project_is_described() -> None:
    text = (DOCS / "how-to" / "environments.md").read_text(encoding="utf-8")
    table = re.search(r"^\| environment \|.*?(?=\n\n)", text, re.M | re.S)
    assert table is not None

    described = set(rows(table[0]))
    # A folder of one's own needs no line here.
    assert described <= {path.name for path in (ROOT / "conf").iterdir() if path.is_dir()}
    assert described >= {
        "base",
        "bike_hourly",
        "bike_daily",
        "shop_sales",
        "diabetes",
        "first_weeks",
        "test",
        "production",
        "dask",
        "spark",
        "duckdb",
        "polars",
        "demo",
        "local",
    }


# The catalog --------------------------------------------------------------------------------------
def catalog() -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for file in sorted((ROOT / "conf" / "base").glob("catalog_*.yml")):
        entries |= yaml.safe_load(file.read_text(encoding="utf-8"))
    return entries


def test_every_entry_of_the_catalog_is_described_and_no_other() -> None:
    described = rows(section("datasets.md", "Entries of the catalog"))

    assert set(described) == set(catalog())


def test_every_dataset_type_of_this_project_is_described_and_no_other() -> None:
    used: set[str] = set()
    for file in (ROOT / "conf").rglob("catalog*.yml"):
        text = file.read_text(encoding="utf-8")
        used |= set(re.findall(r"regression_lifecycle\.datasets\.(\w+\.\w+)", text))
    described: set[str] = set()
    for name in rows(section("datasets.md", "Types that this project adds")):
        module, _, kind = name.rpartition(".")
        described |= {name if module else f"mlflow_files.{kind}"}

    assert used - described == set()
    for name in described:
        module, _, kind = name.partition(".")
        source = (PACKAGE / "datasets" / f"{module}.py").read_text(encoding="utf-8")
        assert f"class {kind}" in source, name


# Pipelines ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", PIPELINES)
def test_what_a_pipeline_reads_and_writes_is_described(name: str) -> None:
    pipeline, entries = PIPELINES[name], catalog()
    text = (REFERENCE / "pipelines.md").read_text(encoding="utf-8")
    _, reads, writes, parameters = rows(text.split("## What each node does")[0])[name]

    assert set(inline_code(reads)) == {
        entry for entry in pipeline.inputs() if not entry.startswith("params:")
    }
    if name == "__default__":
        return
    used = {
        entry.removeprefix("params:").split(".")[0]
        for entry in pipeline.all_inputs()
        if entry.startswith("params:")
    }
    assert set(inline_code(parameters)) == used
    stored = {entry for entry in pipeline.outputs() | pipeline.all_outputs() if entry in entries}
    stored = {entry for entry in stored if entries[entry]["type"] != "MemoryDataset"}
    assert set(inline_code(writes)) - {"ingestion", "drift_reference"} == stored


def test_every_node_is_described() -> None:
    text = section("pipelines.md", "What each node does")
    described: dict[str, set[str]] = {}
    pipeline = ""
    for line in text.splitlines():
        cells = [inline_code(cell) for cell in line.strip("|").split(" | ")[:2]]
        if len(cells) == 2 and cells[1]:
            pipeline = cells[0][0] if cells[0] else pipeline
            described.setdefault(pipeline, set()).update(cells[1])

    nodes: dict[str, set[str]] = {}
    for name, made in PIPELINES.items():
        for node in made.nodes if name != "__default__" else []:
            nodes.setdefault(str(node.namespace), set()).add(node.name.rpartition(".")[2])
    assert described == nodes


# Tables that repeat the code ----------------------------------------------------------------------
def test_the_tables_say_what_the_code_knows() -> None:
    texts = {page_name(page): page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md")}

    assert [name for name, text in texts.items() if with_tables(text) != text] == [], (
        "run: make tables"
    )
    shown = {name for text in texts.values() for name in re.findall(r"<!-- table: (\w+) -->", text)}
    assert shown == set(TABLES)


# Parameters ---------------------------------------------------------------------------------------
@cache
def documented_parameters() -> frozenset[str]:
    found = inline_code((REFERENCE / "configuration.md").read_text(encoding="utf-8"))
    # Keys of something small are shown together, as in `{start, end}`.
    together = [code for code in found if code.startswith("{")]
    return frozenset([*found, *(name for code in together for name in re.findall(r"\w+", code))])


def is_described(path: str) -> bool:
    whole, _, name = path.rpartition(".")
    known = documented_parameters()
    return path in known or (whole in known and name in known)


def in_files(value: Any, path: str) -> Iterator[str]:
    """Paths that stand in a file, down to what is described as a whole."""
    if isinstance(value, Mapping) and value and path not in documented_parameters():
        for key, inner in value.items():
            yield from in_files(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path


def test_every_parameter_of_the_base_configuration_is_described() -> None:
    missing = []
    for file in sorted((ROOT / "conf" / "base").glob("parameters*.yml")):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        missing += [path for path in in_files(content, "") if path not in documented_parameters()]
        # Each file has its section.
        section("configuration.md", file.name)

    assert missing == []


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models inside of a type such as ``tuple[Model, ...] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def fields_of(model: type[BaseModel], path: str) -> Iterator[str]:
    """Paths of a model's fields; inside of a list, and of a kind, their names alone."""
    if issubclass(model, Variant) and model.is_family():
        if path:
            yield path
        yield from (part for kind in model.kinds.values() for part in fields_of(kind, ""))
        return
    for name, field in model.model_fields.items():
        name = field.alias or name
        here = f"{path}.{name}" if path else name
        inner = models_in(field.annotation)
        if here in documented_parameters() and field.annotation in inner:
            continue  # a section that is described elsewhere
        if field.annotation in inner or (inner and type(None) in get_args(field.annotation)):
            yield from (part for model in inner for part in fields_of(model, here))
        else:
            yield here
            yield from (part for model in inner for part in fields_of(model, ""))


def test_every_parameter_that_the_code_knows_is_described() -> None:
    missing = [
        path
        for name, model in SECTIONS.items()
        for path in fields_of(model, name)
        if not is_described(path)
    ]
    assert missing == []
