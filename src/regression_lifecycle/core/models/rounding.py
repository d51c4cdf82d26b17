"""Figures with as many digits as a reader needs, whatever the target's unit is.

A fixed number of decimals would make a target of size 1e-11 nothing.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt


def round_to_largest(values: Any, digits: int = 6) -> npt.NDArray[np.float64]:
    """Round figures of one unit to the digits that the largest of them has.

    Args:
        values: Any shape; what is not finite stays as it is.
        digits: Significant digits of the largest one, without regard to its sign.

    Returns:
        The figures, of the same shape.
    """
    numbers = np.asarray(values, dtype=np.float64)
    largest = np.max(np.abs(numbers), initial=0.0, where=np.isfinite(numbers))
    if not largest > 0:
        return numbers
    # Beyond 300 decimals the power of ten is no number any more.
    return np.round(numbers, min(digits - 1 - math.floor(math.log10(largest)), 300))
