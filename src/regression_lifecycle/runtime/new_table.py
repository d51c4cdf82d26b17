"""A new problem: the folder under ``conf/`` that describes a table, written from its profile."""

from __future__ import annotations

import difflib
import filecmp
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pandas as pd
import yaml
from fsspec.implementations.local import LocalFileSystem
from omegaconf import OmegaConf

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import ConfigurationError, LifecycleError, bounded_list
from regression_lifecycle.core.ingestion.contract import IngestionParameters, enforce_contract
from regression_lifecycle.core.profiling.description import describe, flow
from regression_lifecycle.core.profiling.profile import ALL, TableProfile, profile_table
from regression_lifecycle.core.profiling.summary import assumed_lines, found_lines
from regression_lifecycle.datasets.newest_rows import files_of_table
from regression_lifecycle.runtime.table_source import (
    TableSource,
    guess_name,
    read_file,
    read_query,
)

NONE = "none"
SCHEMA_LINE = "# yaml-language-server: $schema=../.schema/parameters.json\n"
WRITTEN, UNCHANGED, DIFFERENT = 0, 0, 3
"""Exit codes: the folder was written, is there already and says the same, says something else."""


Ask = Callable[[str, str | None], str]
"""Asks a person a question, with a guess, and returns the answer."""


@dataclass(frozen=True)
class NewProblem:
    """What is to be written.

    Attributes:
        name: Of the problem and of its folder.
        files: Text by file name inside of the folder.
        file: The table's file or folder, to be brought into the raw folder; None for a query.
        raw_table: Name of the file there.
    """

    name: str
    files: Mapping[str, str]
    file: Path | None
    raw_table: str


def create_problem(
    project: Path,
    file: Path | None,
    query: str | None,
    given: Mapping[str, str | None],
    ask: Ask | None,
    show: Callable[[str], object],
) -> int:
    """Profile a table and write the folder that describes it.

    Args:
        project: The project's folder, bootstrapped already.
        file: The table's file or folder; None for a query.
        query: A SQL query; None for a file.
        given: What a person said, by option: ``target``, ``name``, ``time``, ``key``, ``horizon``,
            ``known_in_advance``, ``label_delay``, ``weight``; lists are separated by commas.
        ask: Asks for what was not given; None asks nothing.
        show: Takes the lines to print.

    Returns:
        The exit code: :data:`WRITTEN`, :data:`UNCHANGED` or :data:`DIFFERENT`.

    Raises:
        ConfigurationError: If something that was given cannot be used.
        DataContractError: If the table cannot be learnt from.
    """
    if (file is None) == (query is None):
        raise ConfigurationError("  give either FILE or --sql")
    source = read_query(query) if query is not None else read_file(cast(Path, file))
    name = _checked_name(given.get("name") or _answer(ask, "Name", guess_name(file)), project)
    answers = {**given, "target": _target(given.get("target"), source.table, ask)}
    profile = _profile(source.table, answers)
    if ask is not None and profile.assumed:
        profile = _profile(source.table, _with_answers(answers, profile, ask))
    raw_folder = project / str(OmegaConf.load(project / "conf" / "base" / "globals.yml").raw_folder)
    problem = plan_problem(name, source, profile, raw_folder)
    show(f"{file or 'query'}: {profile.n_rows:,} rows, {len(profile.columns)} columns")
    for line in found_lines(profile):
        show(line)
    assumed = list(assumed_lines(profile))
    if assumed:
        show("Assumed, since the table cannot tell:")
        for line in assumed:
            show(line)
    folder = project / "conf" / name
    if folder.is_dir():
        lines = compare_problem(problem, folder)
        show("\n".join(lines) if lines else f"conf/{name}/ says the same already.")
        if lines:
            show(
                f"conf/{name}/ is there already, so nothing was written; --name takes another one."
            )
        return DIFFERENT if lines else UNCHANGED
    breach = write_problem(problem, project, raw_folder)
    written = ", ".join(f"conf/{name}/{written}" for written in problem.files)
    show(f"Written: {written}")
    if file is not None:
        show(f"The table is {(raw_folder / problem.raw_table).relative_to(project)}")
    if breach is not None:
        show(f"The table breaks this description still; mend one of them: {breach}")
    show(f"Next: kedro run --env={name}")
    return WRITTEN


def _answer(ask: Ask | None, question: str, guess: str | None) -> str:
    if ask is not None:
        return ask(question, guess)
    if guess is None:
        option = question.lower().replace(" ", "-")
        raise ConfigurationError(f"  --{option} is missing")
    return guess


def _checked_name(name: str, project: Path) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,59}", name):
        raise ConfigurationError(
            f"  --name: '{name}' is no name; it begins with a letter and goes on with letters, "
            "digits, - and _, 60 at most"
        )
    folder = project / "conf" / name
    if folder.exists() and not _describes_a_table(folder):
        raise ConfigurationError(f"  --name: conf/{name} is taken; choose another name")
    return name


def _describes_a_table(folder: Path) -> bool:
    contents = (yaml.safe_load(path.read_text("utf-8")) for path in folder.glob("parameters*.yml"))
    return any("target" in ((content or {}).get("problem") or {}) for content in contents)


def _target(given: str | None, table: pd.DataFrame, ask: Ask | None) -> str:
    if given is not None:
        return given
    if ask is None:
        raise ConfigurationError(
            f"  --target is missing: the column to predict. Columns: "
            f"{bounded_list(table.columns, 40)}"
        )
    return ask(f"Column to predict ({bounded_list(table.columns, 40)})", None)


def _profile(table: pd.DataFrame, answers: Mapping[str, str | None]) -> TableProfile:
    known, delay = answers.get("known_in_advance"), answers.get("label_delay")
    profile = profile_table(
        table,
        str(answers["target"]),
        time=_names(answers.get("time"), table),
        key=_names(answers.get("key"), table),
        horizon=answers.get("horizon"),
        known_in_advance=ALL if known == ALL else _names(known, table),
        label_delay=None if delay == NONE else delay,
        weight=answers.get("weight"),
    )
    # An answer that says "none" is no assumption.
    assumed = tuple(name for name in profile.assumed if answers.get(name) is None)
    return replace(profile, assumed=assumed)


def _with_answers(
    answers: Mapping[str, str | None], profile: TableProfile, ask: Ask
) -> dict[str, str | None]:
    """Ask what only a person knows; the guess is what was assumed."""
    found = dict(answers)
    if "known_in_advance" in profile.assumed:
        names = bounded_list(profile.known_in_advance, 40)
        found["known_in_advance"] = ask(f"Columns known before the row's own time ({names})", ALL)
    if "horizon" in profile.assumed:
        found["horizon"] = ask("How far ahead predictions are made", profile.horizon)
    if "label_delay" in profile.assumed and profile.time.has_time:
        found["label_delay"] = ask("Time from a row to its label", NONE)
    return found


def _names(given: str | None, table: pd.DataFrame) -> list[str] | None:
    """Read names that commas separate; a column's name may have one itself."""
    if given is None:
        return None
    if given in table.columns:
        return [given]
    return [] if given == NONE else [name.strip() for name in given.split(",")]


def plan_problem(
    name: str, source: TableSource, profile: TableProfile, raw_folder: Path
) -> NewProblem:
    """Write the files of a problem as texts.

    Args:
        name: Of the problem.
        source: Where the table comes from.
        profile: What it tells.
        raw_folder: Where raw tables lie.

    Returns:
        ``parameters.yml``; ``globals.yml`` if the file or its reader need a word; ``catalog.yml``
        for what is no CSV file.
    """
    raw_table = f"{name}{source.suffix}"
    if source.file is not None and source.file.parent.resolve() == raw_folder.resolve():
        raw_table = source.file.name
    origin = "a query" if source.file is None else source.file.name
    head = (
        f"# Written by kedro new-table from {origin}, {profile.n_rows:,} rows; yours to change.\n"
    )
    files = {
        "parameters.yml": SCHEMA_LINE + head + describe(profile, f"{profile.target} in {origin}")
    }
    addresses: dict[str, Any] = {}
    if source.file is not None and raw_table != f"{name}.csv":
        addresses["raw_table"] = raw_table
    if source.load_args:
        addresses["raw_load_args"] = dict(source.load_args)
    if addresses:
        files["globals.yml"] = "".join(f"{k}: {flow(v)}\n" for k, v in addresses.items())
    if source.catalog:
        files["catalog.yml"] = "\n".join(_entry(*item) for item in source.catalog.items())
    return NewProblem(name, files, source.file, raw_table)


def compare_problem(problem: NewProblem, folder: Path) -> list[str]:
    """Compare what would be written with a folder that is there.

    Args:
        problem: What would be written.
        folder: The problem's folder under ``conf/``.

    Returns:
        Lines of a unified diff, from the file that is there to the one that would be written;
        empty if they are equal. Other files of the folder are not looked at.
    """
    lines: list[str] = []
    for name, text in problem.files.items():
        path = folder / name
        there = path.read_text(encoding="utf-8") if path.is_file() else ""
        lines += difflib.unified_diff(
            there.splitlines(),
            text.splitlines(),
            fromfile=path.relative_to(folder.parents[1]).as_posix(),
            tofile="as the table tells",
            lineterm="",
        )
    return lines


def write_problem(problem: NewProblem, project: Path, raw_folder: Path) -> str | None:
    """Write the folder, bring the file, and read both as a run would.

    Args:
        problem: What to write.
        project: The project's folder.
        raw_folder: Where raw tables lie.

    Returns:
        What of the table breaks the contract; None if all is well.

    Raises:
        ConfigurationError: If another file of that name is in the raw folder, or the
            configuration cannot be used. Nothing is left behind then.
    """
    folder = project / "conf" / problem.name
    brought = _bring(problem, raw_folder)
    try:
        folder.mkdir()
        for name, text in problem.files.items():
            (folder / name).write_text(text, encoding="utf-8")
        return _try_out(problem.name, project)
    except Exception:
        shutil.rmtree(folder, ignore_errors=True)
        if brought is not None:
            _remove(brought)
        raise


def _remove(table: Path) -> None:
    if table.is_dir():
        shutil.rmtree(table, ignore_errors=True)
    else:
        table.unlink(missing_ok=True)


def _bring(problem: NewProblem, raw_folder: Path) -> Path | None:
    """Copy the table into the raw folder; None if it is there already."""
    if problem.file is None:
        return None
    place = raw_folder / problem.raw_table
    if place.exists():
        if _contents(problem.file) == _contents(place) and all(
            filecmp.cmp(problem.file / name, place / name, shallow=False)
            for name in _contents(place)
        ):
            return None
        what = "another folder" if place.is_dir() else "another file"
        raise ConfigurationError(
            f"  {place} is {what}; choose another name with --name, or remove it"
        )
    raw_folder.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f".{place.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    for name in _contents(problem.file):
        (partial / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(problem.file / name, partial / name)
    partial.replace(place)
    return place


def _contents(table: Path) -> list[str]:
    """Return the names of the files of a table in its folder; of one file an empty name."""
    files = files_of_table(LocalFileSystem(), table.as_posix())
    return sorted("" if file == table.as_posix() else Path(file).name for file in files)


def _try_out(name: str, project: Path) -> str | None:
    """Read configuration and table as a run would; return what of the table breaks the contract."""
    from kedro.framework.project import pipelines
    from kedro.io import DatasetError

    from regression_lifecycle.runtime.parameter_check import check_parameters
    from regression_lifecycle.runtime.session import LifecycleSession

    session: Any = LifecycleSession.create(project_path=project, env=name)
    loader = session._get_config_loader()
    parameters = loader["parameters"]
    known = {key: pipelines[key] for key in pipelines}
    check_parameters(parameters, {}, known, loader.configured_parameters, loader.origin)
    try:
        enforce_contract(
            _load(loader, project),
            Problem.model_validate(parameters["problem"]),
            IngestionParameters.model_validate(parameters["ingestion"]),
        )
    except (LifecycleError, DatasetError) as error:
        return str(error)
    return None


def _load(loader: Any, project: Path) -> pd.DataFrame:
    """Load the table by its entry alone: a context would open the tracking database."""
    from kedro.framework.context.context import _convert_paths_to_absolute_posix
    from kedro.io import DataCatalog

    entry = {"raw_observations": loader["catalog"]["raw_observations"]}
    catalog = DataCatalog.from_config(_convert_paths_to_absolute_posix(project, entry))
    table: pd.DataFrame = catalog.load("raw_observations")
    return table


def _entry(name: str, entry: Mapping[str, Any]) -> str:
    lines = (f"  {key}: {flow(value, references=True)}\n" for key, value in entry.items())
    return f"{name}:\n{''.join(lines)}"
