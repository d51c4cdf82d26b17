"""What can go wrong outside of the project, in words: what it is, where, and the mend.

A server that is away, a full disk, a database that is locked or a missing right are nobody's
mistake in the code, so a traceback says nothing to who has to mend them. Every command asks here
before it gives up. No text repeats a password.
"""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

from regression_lifecycle.core.scrubbing import scrub

_LONGEST = 300
_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_AGAIN = "then give the same command again: what is complete stays as it is, the rest is made anew"
_FREE = f"Free some space, {_AGAIN}"
_MLFLOW = "mlflow_uri in globals.yml (in production the variable LIFECYCLE_MLFLOW_URI)"
_STORE = "store in globals.yml (in production the variable LIFECYCLE_STORE_URL)"
_LOGIN = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
_REASON = re.compile(
    r"\[Errno -?\d+\] ([^'\")]+)"
    r"|(timed out|certificate verify failed|too many 5\d\d error responses)"
)
_OBJECT_STORES = ("botocore", "aiobotocore", "s3fs", "boto3")
_EXTRA_OF = {
    **dict.fromkeys(("psycopg", "s3fs", "boto3", "botocore", "aiobotocore"), "production"),
    **{library: library for library in ("duckdb", "polars", "ray")},
    "pyspark": "spark",
    "distributed": "dask",
    **dict.fromkeys(("lightgbm", "xgboost", "catboost"), "boosting"),
}
# What may be nobody's mistake in the code.
_RAISED_BY_SPARK = {"SparkRuntimeException", "SparkConnectGrpcException", "UnknownException"}
# SQLite's primary result codes; extended ones carry them in their lowest byte.
_SQLITE: dict[int, str] = {
    5: "is used by another process for too long. Wait for it, or stop it, then try again",
    6: "is used by another process for too long. Wait for it, or stop it, then try again",
    8: "cannot be written. Give the account that runs the command the right to write it",
    10: "cannot be read or written (input/output error). Look at its disk, and whether it is full",
    11: "is damaged. Restore it from a backup; moved out of the way, an empty one takes its place",
    13: f"has no room: the disk is full. {_FREE}",
    14: "cannot be opened. Look whether its folder is there and may be written to",
    26: "is no SQLite database. Restore it from a backup",
}

_HALF_MADE = (
    "was left half made by a command that was killed or had no room. Move it out of the way, and "
    "an empty one takes its place; if it was in use before, restore it from a backup"
)


def explain_outside(error: BaseException) -> str | None:
    """Say what went wrong outside of the project.

    Args:
        error: What ended a command.

    Returns:
        A sentence or two without secrets; None if it was nothing outside that is known here.
    """
    chain = list(_chain(error))
    owner = _owner(chain)
    # The innermost cause knows best what happened.
    explanations = (
        *(
            _of_sqlite,
            _of_files,
            _of_modules,
            _of_object_stores,
            _of_dask,
            _of_spark,
            _of_duckdb,
            _of_mlflow,
            _of_sql,
        ),
    )
    for explain in explanations:
        for each in reversed(chain):
            text = explain(each)
            if text is not None and explain is _of_sqlite:
                text = f"{owner} {text}"
            if text is not None:
                return scrub(text)
    return None


def no_answer_of_mlflow(uri: str, error: BaseException) -> str:
    """Say that MLflow's server cannot be reached.

    Args:
        uri: Its address.
        error: What asking it raised.
    """
    reasons = _REASON.findall(str(error))
    reason = next((one or other for one, other in reversed(reasons)), _first_line(error))
    return scrub(f"MLflow at {uri} does not answer: {reason.strip()}. Start it, or mend {_MLFLOW}")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        original = getattr(error, "orig", None)  # SQLAlchemy's name for the driver's own error
        if isinstance(original, BaseException):
            yield original
        hidden = None if error.__suppress_context__ else error.__context__
        error = error.__cause__ or hidden


def _owner(chain: list[BaseException]) -> str:
    """Name the database that was asked: SQLite's own errors do not."""
    is_mlflow, uri = False, ""
    for error in chain:
        place = error.__traceback__
        while place is not None:
            frame = place.tb_frame
            if str(frame.f_globals.get("__name__", "")).startswith("mlflow."):
                # MLflow may be told its address only while this fails, so it cannot be asked.
                is_mlflow, uri = True, uri or str(frame.f_locals.get("db_uri") or "")
            place = place.tb_next
    return f"MLflow's database {uri}".rstrip() if is_mlflow else "a SQLite database"


def _of_sqlite(error: BaseException) -> str | None:
    if not isinstance(error, sqlite3.Error):
        return None
    mend = _SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    if re.fullmatch(r"table \S+ already exists", str(error)):
        mend = _HALF_MADE
    return None if mend is None else f"({error}) {mend}"


def _of_files(error: BaseException) -> str | None:
    if not isinstance(error, OSError):
        return None
    place = f" {error.filename}" if error.filename else ""
    if error.errno in _FULL:
        return f"the disk is full{f', at{place}' if place else ''}. {_FREE}"
    if error.errno in _FORBIDDEN and place:
        return (
            f"{place.strip()} cannot be read or written ({error.strerror}). Give the account that "
            "runs the command the right to"
        )
    if error.errno == errno.EISDIR and place:
        return f"{place.strip()} is a folder, and a file belongs there. Move the folder away"
    if error.errno == errno.ENOTDIR and place:
        return f"a folder of {place.strip()} is a file. Move it away"
    if error.errno == errno.EFBIG:
        return f"a file may not grow as large{place and f', at{place}'}. Raise ulimit -f, {_AGAIN}"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "too many files are open at once. Raise the limit (ulimit -n), then try again"
    return None


def _of_modules(error: BaseException) -> str | None:
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    extra = _EXTRA_OF.get(error.name.partition(".")[0])
    if extra is None:
        return None
    return f"the library {error.name} is missing: uv sync --locked --extra {extra}"


def _of_object_stores(error: BaseException) -> str | None:
    if type(error).__module__.partition(".")[0] not in _OBJECT_STORES:
        return None
    return (
        f"the object store does not do what is asked ({type(error).__name__}: "
        f"{_first_line(error)}). Look at AWS_ENDPOINT_URL, at the keys and at what they may do"
    )


def _of_dask(error: BaseException) -> str | None:
    """Of what happens while a run is at work; who connects says more."""
    told = getattr(error, "__traceback__", None)
    while told is not None and told.tb_frame.f_globals.get("__name__", "").partition(".")[0] != (
        "distributed"
    ):
        told = told.tb_next
    is_away = isinstance(error, OSError | TimeoutError)
    if not type(error).__module__.startswith("distributed.") and not (told and is_away):
        return None
    return (
        f"the Dask scheduler or its workers are gone ({type(error).__name__}). Look at their logs, "
        f"start them again, {_AGAIN}"
    )


def _of_spark(error: BaseException) -> str | None:
    """Of what the workers raised; the cause stands last, each behind Spark's name for it."""
    package, name = type(error).__module__.partition(".")[0], type(error).__name__
    if package != "py4j" and (package != "pyspark" or name not in _RAISED_BY_SPARK):
        return None
    causes = re.findall(r"(\[[A-Z][A-Z_.]+\] .+?)(?: *SQLSTATE.*)?$", str(error), re.MULTILINE)
    cause = causes[-1] if causes else _first_line(error)
    return f"Spark does not do what is asked: {cause.rstrip(' .')[:_LONGEST]}. Mend it, {_AGAIN}"


def _of_duckdb(error: BaseException) -> str | None:
    """Of what DuckDB could not do with its memory and its folder."""
    kinds = {cls.__name__ for cls in type(error).__mro__ if "duckdb" in cls.__module__}
    if "OutOfMemoryException" in kinds:
        return (
            f"DuckDB has too little memory: {_first_line(error)}. Give it more by "
            f"LIFECYCLE_DUCKDB_MEMORY, such as 8GB, {_AGAIN}"
        )
    if "connection is busy" in str(error):
        return "DuckDB does the nodes of a run one after the other: leave out --runner=ThreadRunner"
    if "IOException" in kinds:
        return f"DuckDB cannot read or write a file: {_first_line(error)}. Mend it, {_AGAIN}"
    return None


def _of_mlflow(error: BaseException) -> str | None:
    if not type(error).__module__.startswith("mlflow."):
        return None
    import mlflow
    from mlflow.exceptions import MlflowException

    if not isinstance(error, MlflowException):
        return None
    uri, text = mlflow.get_tracking_uri(), _first_line(error)
    if re.search(r"failed with (timeout )?exception|^Invalid url", text):
        return no_answer_of_mlflow(uri, error)
    status = error.get_http_status_code()
    found = re.search(r"failed with error code (\d+)", text)
    status = int(found[1]) if found else status
    if status in (401, 403):
        return f"MLflow at {uri} refuses the login ({status}). Set {_LOGIN}, or mend {_MLFLOW}"
    if uri.startswith("http") and status in (404, 405) and found:
        return f"what answers at {uri} is no MLflow server ({status}). Mend {_MLFLOW}"
    if "out-of-date database schema" in str(error) or "Can't locate revision" in str(error):
        return (
            f"the database of MLflow at {uri} was made by another release: {text}. Back it up and "
            "run mlflow db upgrade with its address, or use the release that made it"
        )
    return f"MLflow at {uri} does not do what is asked: {text}"


def _of_sql(error: BaseException) -> str | None:
    if not type(error).__module__.startswith(("sqlalchemy.", "psycopg.")):
        return None
    if isinstance(getattr(error, "orig", None), sqlite3.Error):
        return None
    if type(error).__name__ in ("OperationalError", "InterfaceError", "ConnectionTimeout"):
        return (
            f"a database does not do what is asked: {_first_line(getattr(error, 'orig', error))}. "
            f"Start it, or mend {_STORE}"
        )
    if type(error).__name__ in ("ArgumentError", "NoSuchModuleError"):
        return f"the URL of a database cannot be read. Mend {_STORE}, or {_MLFLOW}"
    return None


def _first_line(error: Any) -> str:
    line = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(" .:")
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
