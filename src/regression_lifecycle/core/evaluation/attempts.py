"""Who asks often enough is lucky once: attempts on the same rows pay for each other.

Of twenty equal candidates that are judged on the same rows at 95 %, one passes in four cases of
ten. So each further attempt that is judged by rows of earlier ones must be surer than they.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from regression_lifecycle.core.decisions.champion_history import Attempt
from regression_lifecycle.core.evaluation.comparison import Comparison, fewest_blocks


def earlier_attempts(
    attempts: Sequence[Attempt], fingerprint: str, moments: pd.Series
) -> Sequence[Attempt]:
    """Leave out the attempt itself, where it was made before, and what came after it.

    Then a repeated run asks for the same as the first one.

    Args:
        attempts: Attempts at the place of the same champion, the oldest first.
        fingerprint: The model that asks now; empty where it is not known.
        moments: Times of the rows that judge.
    """
    if not fingerprint or moments.empty:
        return attempts
    own = Attempt(fingerprint, moments.min(), moments.max())
    return attempts[: attempts.index(own)] if own in attempts else attempts


def number_of_attempt(attempts: Sequence[Attempt], moments: pd.Series) -> int:
    """Count the attempts on these rows, or on some of them, the present one among them.

    Args:
        attempts: Earlier ones.
        moments: Times of the rows that compare.
    """
    return 1 + sum(
        bool(moments.between(one.judged_from, one.judged_until).any()) for one in attempts
    )


def surer(parameters: Comparison, number: int) -> Comparison:
    """Return what the so-many-th attempt on the same rows must show.

    Args:
        number: 1 for the first one, which is asked for what is configured.

    Returns:
        The comparison with the probability of error divided by the square of the number, so that
        all attempts together err at most 1.64 times as often as the first alone; and with as many
        blocks as such a confidence needs.

    Source:
        Alpha spending by an infinite series, Foster and Stine (2008),
        doi:10.1111/j.1467-9868.2007.00643.x.
    """
    confidence = 1 - (1 - parameters.confidence) / number**2
    blocks = max(parameters.minimum_blocks, fewest_blocks(confidence))
    return parameters.model_copy(update={"confidence": confidence, "minimum_blocks": blocks})
