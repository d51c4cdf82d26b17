"""How often rules, gate and interval of the champion are wrong, as its calibration found."""

from __future__ import annotations

from regression_lifecycle.adapters.dashboard.tables import PageTables, Section, of_problem
from regression_lifecycle.core.data.tables import ERROR_RATES
from regression_lifecycle.core.monitoring.error_rates import NO_LIMIT, RULE


def rates_section(tables: PageTables) -> Section:
    """Return the newest rates of the champion: ``rule``, ``gate``, ``interval`` and ``losses``.

    Each is a list of rows of ``error_rates``, of the gate the best challenger first; all are empty
    before the first calibration.
    """
    rows = of_problem(ERROR_RATES, tables.deployment.error_rates, tables.problem)
    champion = tables.deployment.champion
    own = rows[rows["model_version"] == ("" if champion is None else champion.version)]
    subjects = {
        subject: own[own["subject"] == subject].to_dict("records")
        for subject in ("rule", "gate", "interval", "losses")
    }
    # The store hands them out by name; the better a challenger, the more often it passes.
    subjects["gate"].sort(key=lambda row: -row["measured"])
    known_at = own["as_of"].max() if len(own) else None
    lacks = own.loc[own["subject"] == RULE, "limit"].isna().any()
    return Section({**subjects, "as_of": known_at, "no_limit": NO_LIMIT if lacks else ""})
