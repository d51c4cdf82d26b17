"""Runs on clusters of this machine decide what runs in one process do."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
import yaml
from pandas.testing import assert_frame_equal

from regression_lifecycle.runtime.tick import ASKED, PROMOTED
from scripts import start_cluster
from tests.conftest import ROOT, copy_project, make_project, open_catalog
from tests.engines import OF_INGESTION, OF_TICKS, assert_equal_tables
from tests.loop import PROMOTED_AT, PROMOTING, plant, windows_of

ASKING = {
    **PROMOTING,
    "promotion": {"kind": "ask", "deadline": "10 days"},
    "problem": {"columns": {"cnt": {"missing": True}}},
}
SCRIPT = ROOT / "scripts" / "start_cluster.py"
NEEDED = {
    "pyspark": find_spec("pyspark"),
    "distributed": find_spec("distributed"),
    "Java": shutil.which("java"),
}
MISSING = ", ".join(name for name, found in NEEDED.items() if not found)
on_clusters = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}"),
]


@pytest.fixture(scope="module")
def variables() -> Iterator[dict[str, str]]:
    """The environment variables by which runs find the clusters."""
    ports = (start_cluster.free_port(), start_cluster.free_port())
    command = [sys.executable, str(SCRIPT), f"--spark-port={ports[0]}", f"--dask-port={ports[1]}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line.strip())
            if "Ctrl-C" in line:
                break
        exports = [line.removeprefix("export ").split("=", 1) for line in said if "export" in line]
        yield dict(exports)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=40) == 0
    assert not any(map(start_cluster.answers, ports))


@pytest.fixture(scope="module")
def connect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment variable by which runs find a server of Spark Connect."""
    processes = start_cluster.Processes(tmp_path_factory.mktemp("connect"))
    port, submit = start_cluster.free_port(), "org.apache.spark.deploy.SparkSubmit"
    server = "org.apache.spark.sql.connect.service.SparkConnectServer"
    properties = {
        "spark.connect.grpc.binding.address": start_cluster.HOST,
        "spark.connect.grpc.binding.port": port,
        "spark.ui.enabled": "false",
    }
    own = [word for name, value in properties.items() for word in ("--conf", f"{name}={value}")]
    # It computes itself, so it needs more than the daemons of a cluster.
    launcher = ["env", "SPARK_DAEMON_MEMORY=1g", start_cluster.spark_launcher()]
    command = [*launcher, submit, "--master", "local[2]", *own]
    processes.start("server", [*command, "--class", server, "spark-internal"])
    try:
        processes.wait_for("Spark Connect", lambda: start_cluster.answers(port))
        yield {"LIFECYCLE_SPARK_REMOTE": f"sc://{start_cluster.HOST}:{port}"}
    finally:
        processes.stop()


def keep_labels_back(project: Path) -> None:
    """Let the targets of three days come as a file of labels."""
    days = ["2011-03-29", "2011-03-30", "2011-03-31"]
    names = ["dteday", "hr", "cnt"]

    def blank(raw: pd.DataFrame) -> pd.DataFrame:
        late = raw["dteday"].isin(days)
        raw.loc[late, names].to_csv(project / "data/01_raw/bike_test_labels.csv", index=False)
        return raw.assign(cnt=raw["cnt"].mask(late))

    plant(project, blank)


def run(
    project: Path, variables: dict[str, str], *arguments: str, command: str = "run", code: int = 0
) -> None:
    line = [sys.executable, "-m", "kedro", command, *arguments]
    done = subprocess.run(
        line, cwd=project, env=os.environ | variables, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.usefixtures("variables")
class TestOnClusters:
    pytestmark = on_clusters

    def test_a_cycle_on_spark_decides_as_one_in_pandas(
        self, variables: dict[str, str], finished_project_once: Path, tmp_path: Path
    ) -> None:
        project = make_project(tmp_path / "project")

        run(project, variables, "--env=test,spark")

        found, expected = open_catalog(project), open_catalog(finished_project_once)
        for name in ("rejected_observations", "observation_gaps", "training_set"):
            assert_frame_equal(found.load(name), expected.load(name), rtol=1e-9, obj=name)
        assert found.load("holdout_metrics") == expected.load("holdout_metrics")
        one, other = (catalog.load("gate_decision") for catalog in (found, expected))
        assert (one.decision, one.reasons) == (other.decision, other.reasons)

    @pytest.mark.parametrize("way", ["variables", "connect"])
    def test_a_tick_on_spark_promotes_as_one_in_pandas(
        self,
        way: str,
        request: pytest.FixtureRequest,
        running_project_once: Path,
        promoted_project_once: Path,
        tmp_path: Path,
    ) -> None:
        project = copy_project(running_project_once, tmp_path / "project")
        (project / "conf/local/parameters.yml").write_text(yaml.safe_dump(PROMOTING), "utf-8")

        given = ["--env=test,spark,local", f"--as-of={PROMOTED_AT}"]
        run(project, request.getfixturevalue(way), *given, command="tick", code=PROMOTED)

        found, expected = open_catalog(project), open_catalog(promoted_project_once)
        assert_equal_tables(found, expected, [*OF_INGESTION, *OF_TICKS])

    def test_an_approval_and_late_labels_by_connect_end_as_in_pandas(
        self, connect: dict[str, str], running_project_once: Path, tmp_path: Path
    ) -> None:
        catalogs = []
        for env, variables in (("test,local", {}), ("test,spark,local", connect)):
            project = copy_project(running_project_once, tmp_path / env)
            (project / "conf/local/parameters.yml").write_text(yaml.safe_dump(ASKING), "utf-8")
            keep_labels_back(project)

            given = [f"--env={env}", f"--as-of={PROMOTED_AT}"]
            run(project, variables, *given, command="tick", code=ASKED)
            said = ["--reason=looked at it", "--actor=ada"]
            run(project, variables, *given, *said, command="approve")
            run(project, variables, f"--env={env}", "--pipelines=labels")
            run(project, variables, f"--env={env}", "--as-of=2011-04-02", command="tick")
            catalogs.append(open_catalog(project))

        expected, found = catalogs
        assert windows_of(expected)["status"].iloc[-1] == "complete"
        assert_equal_tables(found, expected, [*OF_INGESTION, *OF_TICKS, "labels"])

    def test_a_backtest_on_dask_replays_what_one_process_does(
        self, variables: dict[str, str], finished_project_once: Path, tmp_path: Path
    ) -> None:
        summaries: list[pd.DataFrame] = []
        for env in ("test", "test,dask"):
            project = copy_project(finished_project_once, tmp_path / env)
            run(project, variables, "--pipelines=backtest", f"--env={env}")
            found = open_catalog(project).load("backtest_summary")
            # The time that fits took is that of other processes.
            summaries.append(found.drop(columns="fit_cpu_seconds"))

        assert_frame_equal(*summaries)


def start(*arguments: str, **changes: str) -> str:
    """What the script says when it does not start."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        env=os.environ | changes,
        capture_output=True,
        text=True,
    )
    assert done.returncode
    return done.stderr


def test_an_unknown_cluster_is_named() -> None:
    assert "unknown cluster ray; there are spark, dask" in start("ray")


def test_a_missing_library_is_named_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_cluster, "find_spec", lambda name: None)

    with (
        pytest.raises(SystemExit, match="pyspark is missing: uv sync --locked --extra spark"),
        start_cluster.clusters({"spark": 7077}),
    ):
        pass


def test_a_port_that_is_taken_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_cluster, "find_spec", lambda name: name)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with (
            pytest.raises(SystemExit, match=f"port {port} is taken.*--dask-port"),
            start_cluster.clusters({"dask": port}),
        ):
            pass


def test_a_process_that_ends_stops_the_others_and_shows_its_log(tmp_path: Path) -> None:
    processes = start_cluster.Processes(tmp_path)
    processes.start("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"])
    processes.start("talker", [sys.executable, "-c", "print('out of rooms'); raise SystemExit(3)"])
    try:
        with pytest.raises(SystemExit, match=r"the talker has ended \(exit code 3\)(.|\n)*rooms"):
            processes.wait_for("nothing", lambda: False)
    finally:
        processes.stop()

    assert processes.running["sleeper"].poll() is not None
