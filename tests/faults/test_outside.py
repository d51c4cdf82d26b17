"""What fails outside of the project is said in words: what, where, and the mend."""

from __future__ import annotations

import errno
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import duckdb
import mlflow
import pytest
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project
from mlflow.exceptions import MlflowException
from sqlalchemy import create_engine, text

from regression_lifecycle.adapters import duckdb_engine, spark_session, workers
from regression_lifecycle.adapters.spark_session import SparkSettings
from regression_lifecycle.datasets.engine_tables import PolarsParquetDataset
from regression_lifecycle.runtime.outside import explain_outside
from tests.conftest import make_project
from tests.test_cli import files


def told(error: BaseException) -> str:
    words = explain_outside(error)
    assert words is not None
    assert len(words) < 600
    return words


def raised(act: Callable[[], object]) -> BaseException:
    try:
        act()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, bytes], str]]:
    """Starts a server that gives one answer to everything, as MLflow's."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    servers = []

    def start(status: int, body: bytes) -> str:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        uri = f"http://127.0.0.1:{server.server_port}"
        mlflow.set_tracking_uri(uri)
        return uri

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
    mlflow.set_tracking_uri(None)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, b"no", "refuses the login (401). Set MLFLOW_TRACKING_USERNAME and"),
        (
            403,
            b'{"error_code": "PERMISSION_DENIED", "message": "no"}',
            "refuses the login (403)",
        ),
        (404, b"<html>", "is no MLflow server (404). Mend mlflow_uri in globals.yml"),
        (500, b"it broke", "does not answer: too many 500 error responses"),
    ],
)
def test_a_server_of_mlflow_that_refuses(
    answering: Callable[[int, bytes], str], status: int, body: bytes, words: str
) -> None:
    uri = answering(status, body)

    error = raised(lambda: mlflow.MlflowClient().get_experiment_by_name("bikes"))

    assert words in told(error)
    assert uri in told(error)


def test_a_server_of_mlflow_that_is_away(answering: Callable[[int, bytes], str]) -> None:
    mlflow.set_tracking_uri("http://lucy:topsecret@127.0.0.1:9")

    error = raised(lambda: mlflow.MlflowClient().get_experiment_by_name("bikes"))

    assert told(error).startswith(
        "MLflow at http://***@127.0.0.1:9 does not answer: Connection refused. Start it"
    )


def test_a_full_disk_under_a_file() -> None:
    def write() -> None:
        with Path("/dev/full").open("w") as file:
            file.write("x")

    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    assert told(raised(write)).startswith("the disk is full. Free some space, then give the same")
    named = OSError(errno.ENOSPC, "No space left on device", "/data/05_model_input/x.parquet")
    assert "the disk is full, at /data/05_model_input/x.parquet" in told(named)
    limited = OSError(errno.EFBIG, "File too large", "/data/x.parquet")
    assert told(limited).startswith("a file may not grow as large, at /data/x.parquet. Raise")


def test_a_full_disk_under_the_database_of_mlflow_or_of_the_store(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'mlflow.db'}")

    def fill() -> None:
        with engine.begin() as connection:
            connection.execute(text("create table t (x text)"))
            connection.execute(text("pragma max_page_count = 3"))
            for _ in range(100):
                connection.execute(text("insert into t values (:x)"), {"x": "x" * 4000})

    error = raised(fill)
    # As MLflow hands it on.
    wrapped = MlflowException(str(error))
    wrapped.__cause__ = error

    for one in (error, wrapped):
        assert "has no room: the disk is full. Free some space" in told(one)


def test_the_database_of_mlflow_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # It tries for more than a minute.
    monkeypatch.setattr("mlflow.store.db.utils.time.sleep", lambda _: None)
    uri = f"sqlite:///{(tmp_path / 'mlflow.db').as_posix()}"
    (tmp_path / "mlflow.db").mkdir()

    error = raised(lambda: mlflow.MlflowClient(uri).search_experiments())

    assert told(error).startswith(f"MLflow's database {uri} (unable to open database file) cannot")


def test_a_database_whose_tables_were_made_in_part_is_said_to_be_half_made(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'mlflow.db'}")

    def make() -> None:
        # As MLflow does, one by one, after a full disk or a kill.
        for _ in range(2):
            with engine.begin() as connection:
                connection.execute(text("create table runs (x text)"))

    words = told(raised(make))

    assert "(table runs already exists) was left half made" in words
    assert "Move it out of the way" in words


def test_a_database_that_cannot_be_opened_written_or_waited_for(tmp_path: Path) -> None:
    away = raised(lambda: sqlite3.connect(tmp_path / "no" / "x.db"))
    assert "cannot be opened. Look whether its folder is there" in told(away)

    with closing(sqlite3.connect(tmp_path / "x.db", timeout=0)) as first:
        first.execute("create table t (x)")
        first.commit()
        first.execute("begin exclusive")
        with closing(sqlite3.connect(tmp_path / "x.db", timeout=0)) as second:
            busy = raised(lambda: second.execute("insert into t values (1)"))
    assert "is used by another process for too long" in told(busy)

    uri = f"{(tmp_path / 'x.db').as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as reader:
        readonly = raised(lambda: reader.execute("insert into t values (1)"))
    assert "cannot be written. Give the account" in told(readonly)


def test_a_missing_right_and_a_server_of_the_store_that_is_away() -> None:
    folder = IsADirectoryError(errno.EISDIR, "Is a directory", "/data/x.parquet")
    assert told(folder).startswith("/data/x.parquet is a folder, and a file belongs there")
    forbidden = PermissionError(errno.EACCES, "Permission denied", "/data/x.parquet")
    assert told(forbidden).startswith("/data/x.parquet cannot be read or written (Permission")

    pytest.importorskip("psycopg")
    engine = create_engine("postgresql+psycopg://u:topsecret@127.0.0.1:1/db")
    away = raised(engine.connect)
    assert "Connection refused" in told(away)
    assert "LIFECYCLE_STORE_URL" in told(away)
    assert "topsecret" not in told(away)


@pytest.mark.parametrize(
    ("library", "extra", "act"),
    [
        ("psycopg", "production", lambda: create_engine("postgresql+psycopg://u@h/db")),
        ("duckdb", "duckdb", lambda: duckdb_engine.connect({})),
        ("polars", "polars", lambda: PolarsParquetDataset(filepath=__file__).load()),
        ("pyspark", "spark", lambda: SparkSettings({"spark.master": "local[2]"})),
        ("distributed", "dask", lambda: workers.connect("dask", "tcp://127.0.0.1:1")),
        ("ray", "ray", lambda: workers.connect("ray", None)),
    ],
)
def test_a_missing_library_is_named_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, library: str, extra: str, act: Callable[[], object]
) -> None:
    for loaded in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setattr(spark_session, "find_spec", lambda name: None)

    words = told(raised(act))

    assert words == f"the library {library} is missing: uv sync --locked --extra {extra}"


def test_a_mistake_in_the_code_is_not_explained_away() -> None:
    assert explain_outside(ZeroDivisionError("division by zero")) is None
    assert explain_outside(KeyError("x")) is None


@pytest.mark.parametrize(
    ("name", "line", "words"),
    [
        ("run", "store: postgresql//u:topsecret@h/db", "the URL of the database cannot be read"),
        ("tick", "store: postgresql//u:topsecret@h/db", "the URL of the database cannot be read"),
        ("serve", "store: postgresql//u:topsecret@h/db", "the URL of the database cannot be read"),
        ("run", "store: oracle://h/db", "unknown kind of database 'oracle'"),
        ("run", "store: postgresql://h/db", "begins with 'postgresql+psycopg://'"),
        ("run", "mlflow_uri: htp://h:5000", "unknown kind of address 'htp'; did you mean 'http'?"),
    ],
)
def test_an_address_that_cannot_be_meant(project: Path, name: str, line: str, words: str) -> None:
    (project / "conf" / "local" / "globals.yml").write_text(f"{line}\n")
    before = files(project)

    result = type_command(project, name, "--env=test,local")

    assert result.exit_code == 1, result.output
    assert words in result.output
    assert "globals.yml" in result.output
    assert "topsecret" not in result.output
    assert files(project) == before


@pytest.mark.parametrize("name", ["it's", 'a "quoted" one', "ü ber#1"])
def test_a_folder_with_signs_is_as_good_as_any(
    tmp_path: Path, in_folder: Callable[[Path], Path], name: str
) -> None:
    project = in_folder(make_project(tmp_path / name))

    result = type_command(project, "run", "--env=test", "--pipelines=ingestion")

    assert result.exit_code == 0, result.output
    assert (project / "data" / "test" / "mlflow" / "mlflow.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["what?", "50%25"])
def test_a_folder_that_no_url_of_a_database_can_name_is_refused_and_nothing_is_written_beside_it(
    tmp_path: Path, in_folder: Callable[[Path], Path], name: str
) -> None:
    project = in_folder(make_project(tmp_path / name))
    before = files(tmp_path)

    for command in ("run", "tick"):
        result = type_command(project, command, "--env=test")

        assert result.exit_code == 1
        assert "has a '?' or '%' in its name" in result.output
    assert files(tmp_path) == before


def type_command(project: Path, name: str, *arguments: str) -> Result:
    from regression_lifecycle.cli import cli

    metadata = bootstrap_project(project)
    result = CliRunner().invoke(cli, [name, *arguments], obj=metadata)
    mlflow.set_tracking_uri(None)
    return result


SPARK_SAYS = """An error occurred while calling o65.collectToPython.
: org.apache.spark.SparkException: [FAILED_READ_FILE.NO_HINT] Error while reading.  SQLSTATE: KD001
\tat org.apache.spark.sql.Reader
Caused by: org.apache.spark.SparkRuntimeException: [MALFORMED_CSV_RECORD] 1,2,3 SQLSTATE: KD000
\t... 26 more
"""


def test_of_what_spark_raises_the_innermost_cause_is_told() -> None:
    raises = type("Py4JJavaError", (Exception,), {"__module__": "py4j.protocol"})

    words = told(raises(SPARK_SAYS))

    assert "[MALFORMED_CSV_RECORD] 1,2,3." in words
    assert "FAILED_READ_FILE" not in words


def test_a_mistake_in_the_use_of_spark_is_nobody_elses() -> None:
    mistaken = type("AnalysisException", (Exception,), {"__module__": "pyspark.errors.captured"})

    assert explain_outside(mistaken("[UNRESOLVED_COLUMN] A column cannot be resolved.")) is None


def test_too_little_memory_of_duckdb_names_the_variable() -> None:
    connection = duckdb.connect()
    connection.execute("SET memory_limit = '10MB'")
    connection.execute("SET max_temp_directory_size = '1MB'")

    words = told(
        raised(lambda: connection.sql("SELECT range a FROM range(10000000) ORDER BY a").df())
    )

    assert "LIFECYCLE_DUCKDB_MEMORY" in words


def test_a_folder_that_duckdb_cannot_use_is_named() -> None:
    words = told(duckdb.IOException('Failed to create directory "/data/bikes/duckdb": File exists'))

    assert "/data/bikes/duckdb" in words
