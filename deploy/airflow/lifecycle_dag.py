"""One tick of the loop as an Airflow DAG (Airflow 3): copy this file into the folder of DAGs.

A tick is one task and not one per node: its steps hand each other nothing that Airflow should
know, they hold one lock, and what came of it is an exit code. All that differs between
installations comes from the environment of Airflow's processes:

    LIFECYCLE_PROJECT        folder of the project, by default /app, as in the image
    KEDRO_ENV                problem and deployment, by default `bike_hourly,production`
    LIFECYCLE_TICK_COMMAND   by default `kedro tick --env=$KEDRO_ENV`; with an environment of its
                             own `/srv/bikes/.venv/bin/kedro tick ...`, in a container
                             `docker compose run --rm tick`
    LIFECYCLE_SCHEDULE       cron expression, by default `15 5 * * 1`; `none` for by hand only
    LIFECYCLE_RETRIES        how often it is tried again while another run is at work; 6
    LIFECYCLE_RETRY_MINUTES  minutes between two tries; 10
"""

from __future__ import annotations

import logging
import os
import shlex
import subprocess
from datetime import UTC, datetime, timedelta

from airflow.sdk import Param, dag, task
from airflow.sdk.exceptions import AirflowFailException

LOGGER = logging.getLogger(__name__)

# What `kedro tick` says by its exit code; anything else is an error that a retry does not mend.
OUTCOMES = {
    0: "nothing to do",
    10: "the policy alerts",
    20: "a new champion was promoted",
    21: "a challenger was refused, nothing changed",
    22: "a version waits for approval",
}
BUSY = 75

PROJECT = os.environ.get("LIFECYCLE_PROJECT", "/app")
ENV = os.environ.get("KEDRO_ENV", "bike_hourly,production")
COMMAND = shlex.split(os.environ.get("LIFECYCLE_TICK_COMMAND", f"kedro tick --env={ENV}"))
SCHEDULE = os.environ.get("LIFECYCLE_SCHEDULE", "15 5 * * 1")
RETRIES = int(os.environ.get("LIFECYCLE_RETRIES", "6"))
RETRY_MINUTES = float(os.environ.get("LIFECYCLE_RETRY_MINUTES", "10"))


def run_tick(as_of: str | None) -> dict[str, int | str]:
    """Run the command, and let its exit code say what Airflow does.

    Args:
        as_of: Moment at which the tick stands; None for the end of the data.

    Returns:
        ``exit_code`` and ``outcome``.

    Raises:
        RuntimeError: If another run is at work; Airflow tries again.
        AirflowFailException: If the tick failed; Airflow does not try again.
    """
    command = [*COMMAND, f"--as-of={as_of}"] if as_of else COMMAND
    process = subprocess.Popen(  # noqa: S603 (the command is the operator's)
        command,
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            LOGGER.info("%s", line.rstrip())
        code = process.wait()
    except BaseException:
        # A task that is told to end: the tick records its run as killed.
        process.terminate()
        process.wait()
        raise
    if code in OUTCOMES:
        return {"exit_code": code, "outcome": OUTCOMES[code]}
    if code == BUSY:
        raise RuntimeError("another run is at work in the workspace")
    raise AirflowFailException(f"the tick failed with exit code {code}")


@dag(
    dag_id="lifecycle_tick",
    description="Monitor, retrain if the policy says so, draw the page",
    schedule=None if SCHEDULE == "none" else SCHEDULE,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params={"as_of": Param(None, type=["null", "string"], description="Such as 2011-06-04")},
    tags=["regression-lifecycle"],
)
def lifecycle_tick() -> None:
    """Describe the DAG."""

    @task(retries=RETRIES, retry_delay=timedelta(minutes=RETRY_MINUTES))
    def tick(params: dict[str, str | None] | None = None) -> dict[str, int | str]:
        return run_tick((params or {}).get("as_of"))

    tick()


lifecycle_tick()
