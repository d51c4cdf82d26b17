"""What the service knows of other rows: stored observations, labels, and rows sent ahead."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import pandas as pd

from regression_lifecycle.adapters import database
from regression_lifecycle.core.data.keys import series_of_key
from regression_lifecycle.core.data.problem import MOMENT_TYPES, Problem
from regression_lifecycle.core.data.tables import KNOWN_ROWS, LABELS, Between, HistoryTable
from regression_lifecycle.core.features.raw_rows import HISTORY_ROWS
from regression_lifecycle.core.features.row_history import RowHistory
from regression_lifecycle.core.features.specifications import FeatureRecipe
from regression_lifecycle.core.ingestion.labels import check_stored_labels
from regression_lifecycle.core.models.trained_model import TrainedModel

LOGGER = logging.getLogger(__name__)
# Features of a day read rows of the day after, too.
_MARGIN = pd.Timedelta(days=2)


class StoredTable(Protocol):
    """A table of the catalog, and whether it changed."""

    def load_newest(
        self, columns: Sequence[str], by: str, back: pd.Timedelta, nrows: int
    ) -> pd.DataFrame:
        """Read at least the rows of the time ``back`` before the newest, and ``nrows``."""
        ...

    def state(self) -> object:
        """Return what changes with every write to it."""
        ...


class KnownRowsReader:
    """Fills the history of a model, and looks for what came since. Any thread may use it."""

    def __init__(self, problem: Problem, url: str, observations: StoredTable | None) -> None:
        """Remember where everything is.

        Args:
            url: SQLAlchemy URL of the store.
            observations: The stored observations; None if there are none to be read.
        """
        self._problem = problem
        self._url = url
        self._observations = observations
        self._state: object = None
        self._history: RowHistory | None = None
        self._seen: dict[str, str] = {}
        self._columns: tuple[str, ...] = ()
        self._back = pd.Timedelta(0)
        self._lock = threading.Lock()
        self.trouble: str | None = None
        # Whether the last look found out which rows were sent ahead.
        self.knows_sent_rows = False

    def begin(self, model: TrainedModel) -> RowHistory:
        """Begin a history for a model.

        Args:
            model: What it knows itself is the history until observations can be read.

        Returns:
            The history; :meth:`look` keeps it up to date.
        """
        recipe: FeatureRecipe = model.metadata.recipe
        history = RowHistory(self._problem, {*recipe.columns_read, self._problem.target})
        with self._lock:
            names = [*self._problem.row_order, *self._problem.key_columns, *history.columns]
            self._columns = tuple(dict.fromkeys(names))
            self._back = recipe.reach.back + _MARGIN
            self._history, self._state, self._seen = history, None, {}
            self.knows_sent_rows = False
            self._take(model.history)
        # Whoever looks next tells what is wrong; a model must not wait for the store.
        with suppress(Exception):
            self.look()
        return history

    def look(self) -> None:
        """Look once for other observations, and for labels and rows that came since.

        Raises:
            Exception: If the store cannot be read. What is known stays.
        """
        with self._lock:
            self._look()

    def _look(self) -> None:
        history = self._history
        if history is None:
            return
        try:
            state = None if self._observations is None else self._observations.state()
            if state is not None and state != self._state:
                assert self._observations is not None
                newest = self._observations.load_newest(
                    self._columns, self._problem.timestamp.name, self._back, HISTORY_ROWS
                )
                self._take(newest)
                self._state = state
            if state is None and self._state is not None:
                self._is_troubled("the stored observations are gone; what was read of them stays")
            else:
                self.trouble = None
        except Exception as error:  # a file, an object store or a database, in many words
            self._is_troubled(f"observations cannot be read: {type(error).__name__}")
        self.knows_sent_rows = False
        self._read_new(KNOWN_ROWS, history)
        # A store that is not there is read as an empty one.
        has_read = KNOWN_ROWS.name in self._seen
        self.knows_sent_rows = has_read or database.is_set_up(self._url)
        self._read_new(LABELS, history)

    def _take(self, observations: pd.DataFrame) -> None:
        """Keep the rows that features of coming rows look back at, and of older ones the newest.

        So rows that are late, or asked for again, find their past too.
        """
        history, stamp = self._history, self._problem.timestamp.name
        if history is None or stamp not in observations or observations.empty:
            return
        table = observations[[name for name in self._columns if name in observations]]
        stamps, n_kept = table[stamp], min(len(table), HISTORY_ROWS)
        first = pd.Timestamp(np.partition(stamps.to_numpy(), -n_kept)[-n_kept])
        history.replace_table(table[stamps >= min(first, stamps.max() - self._back)])

    def _read_new(self, table: HistoryTable, history: RowHistory) -> None:
        where: dict[str, Any] = {"problem": self._problem.name}
        seen = self._seen.get(table.name)
        if seen is not None:
            # Later than what was seen: of two texts the longer one comes second.
            where[database.RECORDED_AT] = Between(f"{seen} ")
        # Whoever hands in the labels of years must not fill the memory with them.
        if history.oldest is not None:
            where["timestamp"] = Between(history.oldest)
        rows = database.read_rows(self._url, table, where)
        if rows.empty:
            return
        newest = str(rows[database.RECORDED_AT].max())
        if table is LABELS:
            # No lag is made of what a run would set aside.
            rows = rows[~check_stored_labels(rows, self._problem)[1].any]
        for row in rows.itertuples(index=False):
            series = series_of_key(row.row_key, self._problem)
            if series is None or pd.isna(row.timestamp):
                continue
            values = (
                {self._problem.target: row.target}
                if table is LABELS
                else read_known_row(row.row, self._problem)
            )
            moment = row.timestamp.to_pydatetime()
            # The store keeps one row per key, the newest: so does the memory.
            history.add(row.row_key, series, moment, values, is_whole=table is KNOWN_ROWS)
        self._seen[table.name] = newest

    def _is_troubled(self, reason: str) -> None:
        if self.trouble != reason:
            LOGGER.warning("%s", reason)
        self.trouble = reason


def read_known_row(text: str, problem: Problem) -> dict[str, Any]:
    """Read a row as ``known_rows`` keeps it: moments as ``datetime``."""
    row: dict[str, Any] = json.loads(text)
    for name, value in row.items():
        spec = problem.columns.get(name)
        is_moment = spec.type in MOMENT_TYPES if spec else name == problem.timestamp.name
        if is_moment and value is not None:
            row[name] = datetime.fromisoformat(value)
    return row
