"""The project's Kedro context: every section of the parameters is its typed model."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from kedro.framework.context import KedroContext
from pydantic import ValidationError

from regression_lifecycle.runtime.parameter_check import SECTIONS


class LifecycleContext(KedroContext):
    """Kedro's context with typed parameters by section instead of by node.

    Kedro reads each input by the type its node declares, and fails where one node takes a section
    and another one a part of it. Read by section, ``params:evaluation.baseline`` is the attribute
    of ``params:evaluation``, its defaults filled in.
    """

    def _get_validated_params(self) -> dict[str, Any]:
        if self._validated_params_cache is None:
            loader: Any = self.config_loader
            parameters = dict(loader["parameters"])
            # Read once: a model is frozen, and nodes are given copies.
            known: dict[str, Any] = loader.typed_sections
            for name in SECTIONS.keys() & parameters.keys() - known.keys():
                # The session has refused what the run would use; the rest may be anything.
                with suppress(ValidationError):
                    known[name] = SECTIONS[name].model_validate(parameters[name])
            self._validated_params_cache = parameters | known
        return self._validated_params_cache
