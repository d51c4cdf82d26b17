"""Calendars: retrainings as far apart as each other, whichever window the first one falls on."""

from __future__ import annotations

from fractions import Fraction

# Enough to see what is luck; a replay of each costs time.
_MOST_PHASES = 24

Schedule = frozenset[int]
"""Positions of the windows before which a policy retrains; the first window's model is given."""


def phases_of(n_windows: int, interval: Fraction) -> list[Schedule]:
    """List the schedules of a calendar, which differ in the window of the first retraining.

    Where the first retraining falls is luck, and moves the error of a calendar by more than many
    policies differ. Averaged over the phases it does not.

    Args:
        n_windows: How many windows are served.
        interval: Windows between two retrainings, 1 or more; need not be whole, so that any number
            of retrainings can be spread evenly: ``(n_windows - 1) / retrains`` gives just as many
            in every phase.

    Returns:
        One schedule per phase: as many as the interval has windows, rounded up, or 24 of them as
        far apart as each other.
    """
    phases = min(-(-interval.numerator // interval.denominator), _MOST_PHASES)
    step = interval / phases
    # Whole multiples of a fraction, since sums of floats fall to either side of a window.
    places = [
        [1 + int(k * step) for k in range(phase, int((n_windows - 1) / step) + 1, phases)]
        for phase in range(phases)
    ]
    return [frozenset(place for place in found if place < n_windows) for found in places]
