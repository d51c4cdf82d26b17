"""``kedro run`` as a person types it: what can be mended is said once, in words."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project

from tests.tracking import empty_database

pytestmark = pytest.mark.slow

DATABASE = "data/test/mlflow/mlflow.db"


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def written_data(folder: Path) -> list[str]:
    """What a run left under ``data/test``, MLflow's own files and the lock aside."""
    return sorted(
        name
        for name in files(folder)
        if name.startswith("data/test/")
        and not name.startswith(("data/test/mlflow/", "data/test/.lock"))
    )


@pytest.fixture
def kedro_run(project: Path) -> Callable[..., Result]:
    """Types ``kedro run --env=test`` and more in the folder of a new project."""
    bootstrap_project(project)
    from regression_lifecycle.cli import cli

    return lambda *arguments: CliRunner().invoke(cli, ["run", "--env=test", *arguments])


@pytest.fixture
def tables_of_mlflow(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Spares a run the seconds in which MLflow makes its tables."""
    empty_database(tmp_path_factory, project / DATABASE)
    yield
    import mlflow

    mlflow.set_tracking_uri(None)


def change_raw(project: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = project / "data" / "01_raw" / "hour.csv"
    change(pd.read_csv(path).head(200).astype("object")).to_csv(path, index=False)


def set_value(row: int, column: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[row - 1, column] = value
        return table

    return change


def said(result: Result) -> str:
    """What the error says; and that it says nothing else."""
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    message = result.output.partition("Error: ")[2].strip()
    assert 0 < len(message.splitlines()) <= 3
    return message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--params=trainnig.search=null"],
            "unknown parameter 'trainnig'; did you mean 'training'?",
        ),
        (
            ["--params=training.compute.threads=none"],
            "training.compute.threads: a whole number is needed, not 'none'",
        ),
        (
            ["--pipelines=ingestion", "--params=ingestion.maximum_rejected_share=2"],
            "ingestion.maximum_rejected_share: 2 is above 1, the largest value allowed",
        ),
        (["--pipelines=ingestoin"], "unknown pipeline 'ingestoin'; did you mean 'ingestion'?"),
        (["--pipelines=training,nothing"], "unknown pipeline 'nothing'. Allowed: __default__, "),
        (["--pipeline=training", "--pipelines=training"], "cannot be used together"),
    ],
)
def test_a_command_that_cannot_be_meant_leaves_no_trace(
    kedro_run: Callable[..., Result], project: Path, arguments: list[str], message: str
) -> None:
    before = files(project)

    result = kedro_run(*arguments)

    assert message in said(result)
    assert files(project) == before


def test_a_command_says_at_once_what_it_reads(
    kedro_run: Callable[..., Result], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        kedro_run("--env=nowhere")

    assert caplog.messages[0] == "run: reading the configuration nowhere"


@pytest.mark.usefixtures("tables_of_mlflow")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nodes=nothing"], "Pipeline does not contain nodes named ['nothing']"),
        (["--tags=nothing"], "Pipeline contains no nodes"),
        (["--to-outputs=nothing"], "Pipeline does not contain datasets named ['nothing']"),
        (["--pipelines=training"], "training_set: there is no file"),
    ],
)
def test_a_run_that_cannot_begin_writes_no_data(
    kedro_run: Callable[..., Result], project: Path, arguments: list[str], message: str
) -> None:
    assert message in said(kedro_run(*arguments))
    assert written_data(project) == []


@pytest.mark.usefixtures("tables_of_mlflow")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(
            lambda raw: raw.rename(columns={"windspeed": "wind"}),
            ["missing columns: windspeed", "instant, dteday"],
            id="missing column",
        ),
        pytest.param(lambda raw: raw.head(0), ["the table has no rows"], id="no rows"),
        pytest.param(
            set_value(57, "temp", "warm"),
            ["temp is not a number in 1 row, first in row 57: 'warm'", "Nothing was written"],
            id="text in a column of numbers",
        ),
        pytest.param(
            lambda raw: raw.assign(hum=-1),
            ["200 of 200 rows", "hum is below 0 (200 rows, first in row 1: '-1')"],
            id="too many bad rows",
        ),
    ],
)
def test_a_broken_file_is_named_with_column_and_row_and_nothing_is_written(
    kedro_run: Callable[..., Result],
    project: Path,
    change: Callable[[pd.DataFrame], pd.DataFrame],
    words: list[str],
) -> None:
    change_raw(project, change)

    message = said(kedro_run("--pipelines=ingestion"))

    for part in [*words, (project / "data/01_raw/hour.csv").as_posix()]:
        assert part in message
    assert written_data(project) == []


@pytest.mark.usefixtures("tables_of_mlflow")
@pytest.mark.parametrize(
    "break_file",
    [
        lambda path: path.unlink(),
        lambda path: path.write_text(""),
        lambda path: path.write_bytes(b"\xff\xfe\x00"),
    ],
    ids=["absent", "empty", "no text"],
)
def test_a_file_that_cannot_be_read_is_named(
    kedro_run: Callable[..., Result], project: Path, break_file: Callable[[Path], None]
) -> None:
    path = project / "data" / "01_raw" / "hour.csv"
    break_file(path)

    message = said(kedro_run("--pipelines=ingestion"))

    assert path.name in message.splitlines()[0]
    assert path.as_posix() in message
    assert written_data(project) == []


@pytest.mark.parametrize("command", ["run", "tick"])
def test_a_database_of_mlflow_that_is_none_is_named(project: Path, command: str) -> None:
    metadata = bootstrap_project(project)
    from regression_lifecycle.cli import cli

    path = project / DATABASE
    path.parent.mkdir(parents=True)
    path.write_text("no database at all")

    message = said(CliRunner().invoke(cli, [command, "--env=test"], obj=metadata))

    assert f"{path.as_posix()} is damaged" in message
    assert path.read_text() == "no database at all"


@pytest.mark.usefixtures("tables_of_mlflow")
@pytest.mark.parametrize("option", ["--pipelines", "--pipeline"])
def test_the_older_form_of_the_option_does_the_same(
    kedro_run: Callable[..., Result], project: Path, option: str
) -> None:
    change_raw(project, set_value(3, "hum", 1.5))

    result = kedro_run(f"{option}=ingestion", "--to-nodes=ingestion.complete_observations")

    assert result.exit_code == 0, result.output
    assert "199 accepted, 1 rejected" in result.output
    assert written_data(project) == [
        f"data/test/02_intermediate/{name}.parquet"
        for name in (
            "observation_changes",
            "observation_gaps",
            "observations",
            "raw_parts",
            "recorded_observations",
            "recorded_raw_parts",
            "recorded_undeclared_columns",
            "rejected_observations",
            "undeclared_columns",
            "unused_labels",
        )
    ]
    rejected = pd.read_parquet(project / "data/test/02_intermediate/rejected_observations.parquet")
    assert list(rejected["rejection_reason"]) == ["hum is above 1"]
    assert list(rejected["raw_row"]) == [3]


@pytest.mark.usefixtures("tables_of_mlflow")
def test_an_error_of_the_project_itself_keeps_its_traceback(
    kedro_run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    from regression_lifecycle.pipelines.ingestion import nodes

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a mistake in the code")

    monkeypatch.setattr(nodes, "accept_rows", broken)

    result = kedro_run("--pipelines=ingestion")

    assert isinstance(result.exception, ZeroDivisionError)


def test_help_is_that_of_kedro(kedro_run: Callable[..., Result]) -> None:
    result = kedro_run("--help")

    assert result.exit_code == 0
    for option in ("--pipelines", "--params", "--from-nodes", "--runner"):
        assert option in result.output
