"""A tick is refused before its first step if any of its steps would be."""

from __future__ import annotations

from pathlib import Path

import pytest

from regression_lifecycle.core.errors import ConfigurationError
from regression_lifecycle.runtime import tick as tick_module
from tests.loop import tick


def test_a_mistake_of_any_step_stops_the_first(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tick_module._Step, "run", lambda *_: pytest.fail("a step was run"))
    own = project / "conf/own/parameters.yml"
    own.parent.mkdir()
    retraining = "retraining: {gate: null}\ntraining: {cross_validation: {n_splits: 1}}\n"
    for text in (retraining, f"{retraining}alerts: {{chanels: []}}\npolcy: {{}}\n"):
        own.write_text(text)

        with pytest.raises(ConfigurationError) as error:
            tick(project, "2011-03-12", "test,own")

        told = {line.strip().partition(": ")[0] for line in str(error.value).split("\n")}
        expected = {"retraining.gate", "training.cross_validation.n_splits"}
        assert told == expected | ({"alerts", "polcy"} if "alerts" in text else set())
