"""Tables that outlive a run, in one SQL database: SQLite by default, PostgreSQL by URL.

Every write is one transaction and goes by a unique key, so that a rerun changes nothing and a
crash leaves the old state.
"""

from regression_lifecycle.adapters.database.database import (
    RECORDED_AT,
    check_url,
    connect,
    is_set_up,
    refuse_foreign_file,
    without_credentials,
)
from regression_lifecycle.adapters.database.history import (
    has_rows,
    history_state,
    read_newest,
    read_rows,
    upsert_rows,
    upsert_statement,
)
from regression_lifecycle.adapters.database.ledger import (
    LEDGER_KEY,
    LEDGER_TEXT_COLUMNS,
    append_decisions,
    ledger_state,
    read_decisions,
)
from regression_lifecycle.adapters.database.schema import LEDGER

__all__ = [
    "LEDGER",
    "LEDGER_KEY",
    "LEDGER_TEXT_COLUMNS",
    "RECORDED_AT",
    "append_decisions",
    "check_url",
    "connect",
    "has_rows",
    "history_state",
    "is_set_up",
    "ledger_state",
    "read_decisions",
    "read_newest",
    "read_rows",
    "refuse_foreign_file",
    "upsert_rows",
    "upsert_statement",
    "without_credentials",
]
