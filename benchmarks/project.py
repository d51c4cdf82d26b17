"""What the benchmarks share: the project's command, a place of its own for it, its parameters.

``python benchmarks/project.py FILE`` writes parameters as JSON, for ``plain_script.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
KEDRO = Path(sys.executable).with_name("kedro")
PROBLEM = "bike_hourly"
RAW_TABLE = ROOT / "data" / "01_raw" / "hour.csv"


def own_configuration(folder: Path) -> Path:
    """Make a place of its own for the example problem, unless that was done before.

    Args:
        folder: Where everything is written.

    Returns:
        The configuration folder, for ``--conf-source``: that of the project, with nothing of the
        user's, whose files lie below ``folder``.
    """
    conf = folder.resolve() / "conf"
    if not conf.exists():
        shutil.copytree(ROOT / "conf", conf, ignore=shutil.ignore_patterns("local"))
        (conf / "local").mkdir()
        places = {
            "data_root": (conf.parent / "data").as_posix(),
            "raw_folder": RAW_TABLE.parent.as_posix(),
        }
        text = "".join(f"{name}: {json.dumps(place)}\n" for name, place in places.items())
        (conf / "local" / "globals.yml").write_text(text)
    return conf


def own_project(folder: Path) -> Path:
    """Make a project in which nothing has run, with no table and nothing of the user's.

    Returns:
        The folder, in which commands are given.
    """
    shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
    for made in ("conf/local", "src", "data/01_raw"):
        (folder / made).mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def describe_table(project: Path, table: Path, name: str, target: str, log: Path) -> None:
    """Let ``kedro new-table`` describe a table as a problem of a project, asking nothing."""
    described = [str(KEDRO), "new-table", str(table), f"--target={target}", f"--name={name}", "-y"]
    cost_of(described, log, folder=project)


def workspace(conf: Path) -> Path:
    """Where the runs of :func:`own_configuration` write."""
    return conf.parent / "data" / PROBLEM


class Cost(NamedTuple):
    """What a command took.

    Attributes:
        cpu_seconds: User plus system seconds, those of its own child processes included.
        wall_seconds: Seconds from its start to its end.
        megabytes: Most memory.
    """

    cpu_seconds: float
    wall_seconds: float
    megabytes: float


def cost_of(
    command: list[str], log: Path, allowed: Collection[int] = (0,), folder: Path = ROOT
) -> Cost:
    """Run a command to its end.

    Who calls it should be small: the kernel counts the memory of the process that starts another
    one as the other's, too.

    Args:
        command: Program and arguments.
        log: Where its output goes.
        allowed: Exit codes that are no failure.
        folder: Where it is given.

    Returns:
        What it took.

    Raises:
        SystemExit: With the end of the output, if the command fails.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    # Without compiled files every command imports twice as long.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in allowed:
        end = log.read_text(errors="replace")[-3000:]
        raise SystemExit(f"{' '.join(command)} failed ({process.returncode}):\n{end}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def by_itself(module: str, function: str, *arguments: object) -> str:
    """Call a function of the benchmarks in a process of its own, so that this one stays small.

    Args:
        module: Name of the file.
        function: Name of the function.
        *arguments: Paths, texts and numbers.

    Returns:
        What it returns, as text.
    """
    given = ", ".join(
        f"Path({str(one)!r})" if isinstance(one, Path) else repr(one) for one in arguments
    )
    code = f"from pathlib import Path; import {module}; print({module}.{function}({given}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()


def open_loader(env: str = PROBLEM, project: Path = ROOT) -> Any:
    """Open the configuration of a project as a run reads it."""
    from regression_lifecycle import settings

    return settings.CONFIG_LOADER_CLASS(
        conf_source=str(project / "conf"), env=env, **settings.CONFIG_LOADER_ARGS
    )


def read_sections(env: str = PROBLEM) -> dict[str, Any]:
    """Read the parameters of environments: a typed model per section."""
    from regression_lifecycle.runtime import parameter_check

    return parameter_check.read_sections(open_loader(env)["parameters"], parameter_check.SECTIONS)


def write_parameters(path: Path, env: str = PROBLEM, project: Path = ROOT) -> None:
    """Write the parameters of environments as JSON, everything resolved."""
    path.write_text(json.dumps(open_loader(env, project)["parameters"], indent=2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="where the parameters go")
    parser.add_argument("--env", default=PROBLEM, help="environments under conf/")
    parser.add_argument("--project", type=Path, default=ROOT, help="whose conf/")
    given = parser.parse_args()
    write_parameters(given.file, given.env, given.project)
