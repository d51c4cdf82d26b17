"""The DuckDB database of this process, in which all relations are made."""

from __future__ import annotations

from typing import Any

from regression_lifecycle.core.errors import ConfigurationError

_FOLDER = "temp_directory"


def connect(settings: dict[str, Any]) -> Any:
    """Give the database, with settings.

    Relations of two databases cannot be joined, so there is one for all datasets: the default
    one, which Narwhals uses as well.

    Args:
        settings: By DuckDB's name, such as ``memory_limit`` and ``temp_directory``.

    Returns:
        A connection.

    Raises:
        ConfigurationError: If DuckDB does not take a setting.
    """
    import duckdb

    connection = duckdb.default_connection()
    # A bar over the lines of the log.
    connection.execute("SET enable_progress_bar = false")
    for name, value in settings.items():
        try:
            now = connection.execute("SELECT current_setting($name)", {"name": name}).fetchall()
            if now != [(value,)]:
                connection.execute(f"SET {name} = $value", {"value": value})
        except duckdb.Error as error:
            if name == _FOLDER and "after the current one has been used" in str(error):
                # Of the problem before in this process; it serves this one as well.
                continue
            said = str(error).splitlines()[0]
            raise ConfigurationError(
                f"DuckDB does not take the setting {name}: {value!r} ({said})"
            ) from None
    return connection
