"""How many examples the fuzzed tests draw: the same few in every run, or as many as are asked for.

``FUZZ_EXAMPLES=5000`` draws so many new ones per test (CONTRIBUTING.md).
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

MANY = int(os.environ.get("FUZZ_EXAMPLES", "0"))


def examples(few: int) -> settings:
    """Settings for so many examples, unless more are asked for."""
    return settings(
        max_examples=MANY or few,
        derandomize=not MANY,
        database=None,
        deadline=None,
        # To find the smallest example takes long, and only who looks for faults needs it.
        phases=list(Phase) if MANY else [Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
