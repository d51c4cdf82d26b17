"""Two threads that look for news: another champion in the registry, other rows in the store."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regression_lifecycle.adapters import database
from regression_lifecycle.adapters.mlflow import registry
from regression_lifecycle.core.data.tables import ADJUSTMENTS
from regression_lifecycle.core.decisions.champion_history import champion_moves
from regression_lifecycle.core.decisions.waiting import WaitingVersion, waiting_version
from regression_lifecycle.core.errors import LifecycleError
from regression_lifecycle.core.features.row_history import RowHistory
from regression_lifecycle.core.models.trained_model import require_same_problem
from regression_lifecycle.core.prediction.level_and_interval import Adjustment, adjustment_of
from regression_lifecycle.core.scrubbing import scrub
from regression_lifecycle.serving.active_model import ActiveModel, LoadedModel
from regression_lifecycle.serving.configuration import ServiceConfiguration
from regression_lifecycle.serving.errors import shorten
from regression_lifecycle.serving.known_rows import KnownRowsReader
from regression_lifecycle.serving.store_writer import StoreWriter
from regression_lifecycle.serving.window_state import WindowReader

LOGGER = logging.getLogger(__name__)
UNASKED, UP = "unknown: not asked yet", "up"
# How long the first model waits for the first word of the store: its level factor is there.
FIRST_WORD_SECONDS = 10.0
# A version that was refused is looked at again; somebody may have restored its files.
SECOND_LOOK_SECONDS = 30.0


@dataclass(frozen=True)
class Refused:
    """A version that has the alias and is not served.

    Attributes:
        version: The version.
        digest: The digest that it is registered with.
        reason: Why.
        at: Seconds of the monotonic clock when it was looked at.
    """

    version: str
    digest: str
    reason: str
    at: float


class ModelWatcher:
    """Knows what is deployed; registry and store may be away as long as they like.

    A version that cannot be loaded, or whose files are not those that were registered, is not
    served; the one before it goes on. So does a model whose alias was taken away.
    """

    def __init__(self, configuration: ServiceConfiguration) -> None:
        """Start both threads."""
        self._configuration = configuration
        self._writer = StoreWriter(configuration.store_url)
        self.known = KnownRowsReader(
            configuration.problem, configuration.store_url, configuration.observations
        )
        self._history = RowHistory(configuration.problem, ())
        self._lock = threading.Lock()
        self._model: LoadedModel | None = None
        self._adjustments = ADJUSTMENTS.frame()
        self._store_answered = threading.Event()
        self._registry_answered = threading.Event()
        self._stop = threading.Event()
        self._decisions: tuple[str, list[dict[str, Any]]] | None = None
        self.deployed: ActiveModel | None = None
        self.windows = WindowReader(configuration.store_url, configuration.problem)
        self.refused: Refused | None = None
        self.registry_state = UNASKED
        self.store_state = UNASKED
        self.has_alias = False
        self._waiting: WaitingVersion | None = None
        self._threads = [
            threading.Thread(target=self._repeat, args=(look,), name=name, daemon=True)
            for name, look in (("store", self.look_at_store), ("registry", self.look_at_registry))
        ]
        for thread in self._threads:
            thread.start()

    def has_looked(self) -> bool:
        """Return whether the first look at the registry is over, whatever it found."""
        return self._registry_answered.is_set()

    def why_not(self) -> str | None:
        """Return why there is no model.

        Returns:
            The reason; None if there is one.
        """
        if self.deployed is not None:
            return None
        refused = self.refused
        if refused is not None:
            return f"version {refused.version} is not served: {refused.reason}"
        if self.registry_state != UP:
            return f"no model is loaded; registry {self.registry_state}"
        if not self.has_alias:
            return (
                f"'{self._configuration.model_name}' has no version with the alias "
                f"'{self._configuration.alias}' yet; {self._way_to_a_champion()}"
            )
        return "the model is being loaded"

    def _way_to_a_champion(self) -> str:
        if self._waiting is None:
            return "run the pipelines that promote one"
        return f"version {self._waiting.version} waits for approval (kedro approve)"

    def warnings(self) -> list[str]:
        """Return what is wrong although a model answers.

        Returns:
            Sentences; empty if all is well.
        """
        found = []
        refused = self.refused
        if refused is not None:
            found.append(f"version {refused.version} is not served: {refused.reason}")
        if self.registry_state not in (UP, UNASKED):
            found.append(f"registry {self.registry_state}")
        elif not self.has_alias and self.deployed is not None:
            found.append(f"no version has the alias '{self._configuration.alias}' any more")
        if self.store_state not in (UP, UNASKED):
            found.append(f"store {self.store_state}")
        if self.known.trouble is not None:
            found.append(self.known.trouble)
        return found

    def decisions(self, version: str) -> list[dict[str, Any]] | None:
        """Return the ledger's rows that made a version champion.

        Args:
            version: The version.

        Returns:
            The rows, the oldest first; None if the store was not read since it came.
        """
        known = self._decisions
        return known[1] if known is not None and known[0] == version else None

    def close(self) -> None:
        """Tell the threads to end; one that waits for an answer is left behind."""
        self._stop.set()
        for thread in self._threads:
            thread.join(0.2)

    def look_at_registry(self) -> None:
        """Look once for another version, and load it."""
        try:
            self._follow_alias()
        finally:
            self._registry_answered.set()

    def _follow_alias(self) -> None:
        source = self._configuration
        try:
            found = (
                registry.registered_by_alias(source.model_name, source.alias)
                if registry.has_registry()
                else None
            )
        except Exception as error:  # a database, a server or the network between, in many words
            reason = scrub(shorten(str(error), 200))
            self._registry_is(f"down: {type(error).__name__}: {reason}")
            return
        self._registry_is(UP)
        self.has_alias = found is not None
        if found is None:
            self.refused = None
            return
        now, refused = self._model, self.refused
        if now is not None and (now.version, now.digest) == (found.version, found.digest):
            self.refused = None
            return
        if (
            refused is not None
            and (refused.version, refused.digest) == (found.version, found.digest)
            and time.monotonic() - refused.at < SECOND_LOOK_SECONDS
        ):
            return
        try:
            loaded = registry.load_version(
                source.model_name, source.alias, found, needs_digest=True
            )
            require_same_problem(loaded, source.problem)
            model = LoadedModel(
                loaded,
                found,
                source.problem,
                enforce_bounds=source.serving.enforce_bounds,
                maximum_rows=source.serving.maximum_rows,
            )
            model.try_out()
        # Whatever is wrong with it, it must not end the thread or the model that serves.
        except Exception as error:
            reason = str(error) if isinstance(error, LifecycleError) else repr(error)
            reason = scrub(shorten(reason))
            self.refused = Refused(found.version, found.digest, reason, time.monotonic())
            LOGGER.error("version %s is not served: %s", found.version, reason)
            return
        self._store_answered.wait(FIRST_WORD_SECONDS)
        history = self.known.begin(loaded)
        self.refused = None
        self._publish(model=model, history=history)

    def look_at_store(self) -> None:
        """Look once for another level, and for how the champion came to its place."""
        source = self._configuration
        try:
            rows = database.read_rows(
                source.store_url, ADJUSTMENTS, {"problem": source.problem.name}
            )
            if rows.empty and not self._adjustments.empty:
                # Rows are never deleted: another file or database stands in its place.
                self._store_is("down: it is empty, and was not before")
                return
            self._store_is(UP)
            self._publish(adjustments=rows)
            self.known.look()
            model = self._model
            if model is None:
                ledger = database.read_decisions(source.store_url)
                self._waiting = waiting_version(ledger, source.problem.name)
            elif self.decisions(model.version) is None:
                ledger = database.read_decisions(source.store_url)
                self._decisions = (
                    model.version,
                    _moves_to(ledger, source.problem.name, model.version),
                )
            if model is not None:
                self.windows.look(model.version)
        except Exception as error:  # what was known last goes on
            self._store_is(f"down: {self._writer.reason(error)}")
        finally:
            self._store_answered.set()

    def _publish(
        self,
        model: LoadedModel | None = None,
        history: RowHistory | None = None,
        adjustments: pd.DataFrame | None = None,
    ) -> None:
        with self._lock:
            if model is not None and history is not None:
                self._model, self._history = model, history
            if adjustments is not None:
                self._adjustments = adjustments
            if self._model is None:
                return
            found = adjustment_of(self._adjustments, self._model.version)
            now = self.deployed
            if now is not None and now.model is self._model and _same(now.adjustment, found):
                return
            self.deployed = ActiveModel(self._model, found, self._history)
        LOGGER.warning(
            "version %s answers, with level factor %.4g and shift %.4g",
            self._model.version,
            found.level_factor,
            found.level_shift,
        )

    def _registry_is(self, state: str) -> None:
        _log_change("registry", self.registry_state, state)
        self.registry_state = state

    def _store_is(self, state: str) -> None:
        _log_change("store", self.store_state, state)
        self.store_state = state

    def _repeat(self, look: Callable[[], None]) -> None:
        while not self._stop.is_set():
            try:
                look()
            except Exception:  # a thread that ends would follow nothing any more
                LOGGER.exception("a look for news failed")
            self._stop.wait(self._configuration.serving.poll_seconds)


def _log_change(what: str, before: str, now: str) -> None:
    """Log once that something went away, and once that it is back."""
    if (before in (UP, UNASKED)) != (now == UP):
        LOGGER.warning("%s %s", what, now)


def _same(one: Adjustment, other: Adjustment) -> bool:
    # A width that is missing is a NaN, which is not even equal to itself.
    return repr(one) == repr(other)


def _moves_to(ledger: pd.DataFrame, problem: str, version: str) -> list[dict[str, Any]]:
    moves = champion_moves(ledger, problem)
    own = moves[moves["candidate_version"].astype("str") == version]
    rows: list[dict[str, Any]] = own.astype(object).where(own.notna(), None).to_dict("records")
    return rows
