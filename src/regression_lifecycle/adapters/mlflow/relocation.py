"""Where a SQLite database of MLflow says that its artifacts are: whole paths, in several tables.

MLflow has no relative ones and no command to change them, so a folder that was moved or copied is
still known by its old path: models are looked for there, and new ones are written there.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

_PLACES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}


def database_file(uri: str) -> Path | None:
    """Return the file of a SQLite address; None for another address, or if it is not there."""
    if not uri.startswith("sqlite"):
        return None
    from sqlalchemy import make_url

    path = Path(make_url(uri).database or "")
    return path if path.is_file() else None


def local_path(location: str) -> Path | None:
    """Return the folder of an artifact location; None if it is on no disk."""
    parts = urlsplit(location)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return None if "://" in location or not location else Path(location)


def artifact_location(database: Path, experiment: str) -> str:
    """Return where the artifacts of an experiment are kept; empty if it is not there yet.

    Args:
        database: File of the database.
        experiment: Its name.
    """
    query = "select artifact_location from experiments where name = ?"
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=rw", uri=True)) as connection:
        try:
            found = connection.execute(query, (experiment,)).fetchone()
        except sqlite3.OperationalError:  # no tables yet
            return ""
    return str(found[0] or "") if found else ""


def missing_models(database: Path, old: str, new: Path) -> list[Path]:
    """Return the folders of registered models that are not at their new place.

    Args:
        database: File of the database.
        old: Artifact location that it knows.
        new: Folder in its place.
    """
    query = "select distinct storage_location from model_versions"
    with closing(sqlite3.connect(database)) as connection:
        known = [str(row[0] or "") for row in connection.execute(query)]
    below = [one.removeprefix(f"{old}/") for one in known if one.startswith(f"{old}/")]
    return [new / name for name in below if not (new / name).is_dir()]


def move_artifacts(database: Path, old: str, new: str) -> int:
    """Write another place for everything that lies below an old one, in one transaction.

    Args:
        database: File of the database.
        old: Artifact location, as the database has it.
        new: The location in its place.

    Returns:
        How many entries were changed.
    """
    changed = 0
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        known = {row[0] for row in connection.execute("select name from sqlite_master")}
        for table, columns in _PLACES.items():
            for column in columns if table in known else ():
                changed += connection.execute(
                    f"update {table} set {column} = ? || substr({column}, ?) "  # noqa: S608 - names of this file
                    f"where {column} = ? or substr({column}, 1, ?) = ?",
                    (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
                ).rowcount
    return changed
