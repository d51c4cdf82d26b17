"""Decisions in words: the one place where reasons and findings become sentences.

The words of a policy rule stand with the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from regression_lifecycle.core.decisions.records import Finding, GateDecision, Reason
from regression_lifecycle.core.decisions.rule_kinds import ScheduleRule, bias_name, held_share
from regression_lifecycle.core.decisions.rules import PolicyRule
from regression_lifecycle.core.durations import rows_label
from regression_lifecycle.core.errors import bounded_list, counted
from regression_lifecycle.core.metrics import ERROR_LABELS, METRICS, metric_label

Figures = Mapping[str, Any]


def sentence(reason: Reason) -> str:
    """Return a reason in words, without a final full stop.

    A kind that is not known here, as of a later release, is shown with its figures; so is one
    whose figures somebody has edited.
    """
    say = SENTENCES.get(reason.kind)
    # Whatever stands in the ledger, the decisions beside it can be read.
    with suppress(LookupError, TypeError, ValueError):
        if say is not None:
            return say.format_map(reason.figures) if isinstance(say, str) else say(reason.figures)
    figures = ", ".join(f"{name} {value}" for name, value in reason.figures.items())
    return f"{reason.kind.replace('_', ' ')}: {figures}" if figures else reason.kind


def sentences(reasons: Iterable[Reason]) -> list[str]:
    """Return every reason in words; what asks for the same figure in several ways is one."""
    return [sentence(reason) for reason in _joined(list(reasons))]


def line(reasons: Iterable[Reason]) -> str:
    """Return all reasons as one text, for a terminal or a tag."""
    return "; ".join(sentences(reasons))


def _joined(reasons: list[Reason]) -> list[Reason]:
    """Let the comparison with an opponent say all that was asked of the one improvement."""
    compared = {_compared(reason): reason for reason in reasons if reason.kind == _PROVEN}
    others: dict[tuple[Any, Any], list[str]] = {}
    kept = []
    for reason in reasons:
        asked = _asked_as_observed(reason)
        if asked and "improvement" in compared.get(key := _compared(reason), reason).figures:
            others.setdefault(key, []).append(asked)
        else:
            kept.append(reason)
    return [
        Reason(reason.kind, {**reason.figures, "as_observed": others[key]})
        if reason.kind == _PROVEN and (key := _compared(reason)) in others
        else reason
        for reason in kept
    ]


_PROVEN = "proven_improvement"


def _compared(reason: Reason) -> tuple[Any, Any]:
    """Return the metric and the opponent that a reason compares with."""
    figures = reason.figures
    opponent = "baseline" if figures.get("of_baseline") else figures.get("opponent")
    return figures.get("metric"), opponent


def _asked_as_observed(reason: Reason) -> str:
    """Return what is asked of the improvement as it is observed; empty if nothing is."""
    figures = reason.figures
    if reason.kind == "observed_improvement":
        return _asked(figures["threshold"], "less than")
    if reason.kind == "metric" and figures["of_baseline"] and figures["bound"] == "maximum":
        return f"at most {figures['threshold']:g} of the baseline's"
    return ""


def evidence(finding: Finding) -> str:
    """Return what a check or a rule found in words."""
    words = sentence(finding.reason)
    return f"not computed: {words}" if finding.obstacle is not None else words


def check_name(finding: Finding) -> str:
    """Return what a check of the gate asks for, without its bound."""
    figures = finding.figures
    if finding.kind == "metric":
        return f"{_metric(figures)}, {_BOUNDS[figures['bound']]}"
    if finding.kind == "proven_improvement":
        return f"{metric_label(figures['metric'])} better than the {_opponent(figures)}'s"
    if finding.kind == "observed_improvement":
        return f"{metric_label(figures['metric'])} observed against the {_opponent(figures)}'s"
    if finding.kind == "segment":
        name = metric_label(figures["metric"])
        return f"{name} of every segment against the {_opponent(figures)}'s"
    if finding.kind == "baseline_fallback":
        return "rows without a value of the baseline"
    if finding.kind == "training_overlap":
        return "judged rows that the candidate was trained on"
    return finding.kind


def opponent(decision: GateDecision) -> str:
    """Return whom the candidate met: ``baseline`` or, for example, ``champion version 3``."""
    return _opponent(vars(decision))


def next_command(command: str, env: str = "", as_of: str = "") -> str:
    """Return a command as it has to be typed next.

    Args:
        command: Such as ``kedro tick``.
        env: The environments of the run; empty for the default.
        as_of: The moment of a replay; empty at the end of the data.

    Returns:
        The whole line; empty for the next tick of a replay, whose moment only who replays can say.
    """
    if as_of and command == "kedro tick":
        return ""
    return f"{command} --env={env}" if env else command


def answer_commands(version: str, env: str = "", as_of: str = "") -> list[str]:
    """Return the commands by which a person answers a version that waits for approval.

    Args:
        env: The environments of the run; empty for the default.
        as_of: The moment of a replay; empty at the end of the data.
    """
    moment = f" --as-of '{as_of}'" if " " in as_of else f" --as-of {as_of}" if as_of else ""
    options = f"{f' --env={env}' if env else ''}{moment} --version {version}"
    return [f'kedro {answer}{options} --reason "..."' for answer in ("approve", "refuse")]


_BASELINES = {
    "seasonal": "value one season ago",
    "last_value": "last known value",
    "series_mean": "training mean of the series",
    "series_quantile": "training quantile of the series",
    "mean": "training mean",
    "median": "training median",
    "quantile": "training quantile",
}
_BOUNDS = {"minimum": "at least", "maximum": "at most"}


def _opponent(figures: Figures) -> str:
    if figures["opponent"] == "baseline":
        return "baseline"
    return f"champion version {figures['champion_version']}"


def _error_of(figures: Figures) -> str:
    """Return whose error it is, and of the baseline which naive forecast it was."""
    naive = figures.get("baseline")
    return f"the {_opponent(figures)}'s" + (f" ({baseline_name(naive)})" if naive else "")


def baseline_name(baseline: str) -> str:
    """Return a naive forecast in words."""
    return _BASELINES.get(baseline, baseline.replace("_", " "))


def _baseline_fallback(figures: Figures) -> str:
    if figures["baseline"] in ("mean", "median", "quantile"):
        return f"the baseline is the {baseline_name(figures['baseline'])}, which no row lacks"
    return (
        f"the baseline ({baseline_name(figures['baseline'])}) has no value in "
        f"{figures['value']:.1%} of the rows, where the training mean stands in. "
        f"Asked for: at most {figures['threshold']:.1%}"
    )


def _metric(figures: Figures) -> str:
    share = " as a share of the baseline's" if figures["of_baseline"] else ""
    return f"candidate {metric_label(figures['metric'])}{share}"


def _signed(share: float) -> str:
    return f"{abs(share):.1%} {'lower' if share >= 0 else 'higher'}"


def _asked(share: float, at_most: str) -> str:
    if share < 0:
        return f"{at_most} {-share:.1%} higher"
    return f"more than {share:.1%} lower" if share else "lower"


def _metric_bound(figures: Figures) -> str:
    bound = _BOUNDS[figures["bound"]]
    noise = (
        f"; up to {figures['standard_errors']:g} standard errors "
        f"({_value_of(figures, figures['noise']).lstrip('+')}) from zero may be chance and pass too"
        if figures.get("noise")
        else ""
    )
    return (
        f"{_metric(figures)} is {_value_of(figures, figures['value'])}. "
        f"Asked for: {bound} {_value_of(figures, figures['threshold']).lstrip('+')}{noise}"
    )


def _value_of(figures: Figures, value: float) -> str:
    """Return a value of a metric; a bias is a signed percentage."""
    return f"{value:+.1%}" if figures["metric"] == "bias" else f"{value:.4g}"


def _metric_undefined(figures: Figures) -> str:
    why = METRICS[figures["metric"]].undefined
    if figures["of_baseline"]:
        why += ", a baseline without an error"
    return f"{_metric(figures)} is not defined here ({why}); replace the check by one that is"


def _observed_improvement(figures: Figures) -> str:
    return (
        f"{metric_label(figures['metric'])} is {_signed(figures['value'])} than "
        f"{_error_of(figures)}. Asked for: {_asked(figures['threshold'], 'less than')}"
    )


def _proven_improvement(figures: Figures) -> str:
    lower = figures["value"]
    # The bound is the worst that the rows still allow: little gain, or much loss.
    bound = f"at least {lower:.1%} lower" if lower >= 0 else f"up to {-lower:.1%} higher"
    bound = bound if lower > -10 else "perhaps many times higher"
    return (
        f"{metric_label(figures['metric'])} is {_signed(figures['improvement'])} than "
        f"{_error_of(figures)}, with {_confidence(figures)} confidence {bound}{_memory(figures)}. "
        f"Asked for: {_asked(figures['threshold'], 'at most')} with that confidence"
        f"{_as_observed(figures)}{_attempt(figures)}"
    )


def _as_observed(figures: Figures) -> str:
    asked = figures.get("as_observed")
    return f", and as observed {' and '.join(asked)}" if asked else ""


def _confidence(figures: Figures) -> str:
    # That of a further attempt comes close to 100 %.
    return f"{100 * figures['confidence']:.4g}%"


def _memory(figures: Figures) -> str:
    """Tell that blocks are alike, where it costs blocks."""
    blocks, effective = figures.get("n_blocks"), figures.get("n_effective")
    if effective is None or blocks is None or round(effective) >= blocks:
        return ""
    return (
        f" ({blocks} blocks count as {effective:.0f}, since neighbouring ones correlate by "
        f"{figures['memory']:.2f})"
    )


def _attempt(figures: Figures) -> str:
    if "attempt" not in figures:
        return ""
    return f" (surer than usual, since these rows judged {_candidates_before(figures)} before)"


def _candidates_before(figures: Figures) -> str:
    return counted(figures["attempt"] - 1, "other candidate")


def _rows_used_up(figures: Figures) -> str:
    return (
        f"the rows judged {_candidates_before(figures)} against champion version "
        f"{figures['champion_version']} before, so one must be {_confidence(figures)} sure, which "
        f"takes {figures['minimum_blocks']} blocks of {figures['block']}, and there are "
        f"{figures['n_blocks']}; wait for new rows, or judge on more of them"
    )


def _segment(figures: Figures) -> str:
    increase = figures["increase"]
    changed = "differs from" if increase is None else f"is {_signed(-increase)} than"
    return (
        f"{metric_label(figures['metric'])} in {figures['segment']} {changed} "
        f"{_error_of(figures)}; of equal models one of "
        f"{counted(figures['n_segments'], 'segment')} is as much worse in {figures['value']:.1%} "
        f"of cases. Asked for: at least {figures['threshold']:.1%}"
    )


def _champion(version: str) -> str:
    return f"champion version {version}" if version else "no champion"


def _asks(figures: Figures) -> str:
    deadline = figures["deadline"]
    return "a person has to approve it" + (f" within {deadline} of the data" if deadline else "")


def _approved(figures: Figures) -> str:
    before = figures["champion_version"]
    place = f"in place of version {before}" if before else "as the first champion"
    return f"version {figures['version']} {place}: {figures['reason']}"


def _champion_changed(figures: Figures) -> str:
    return (
        f"version {figures['version']} was compared with {_champion(figures['compared_with'])}, "
        f"and now there is {_champion(figures['champion_version'])}, so nothing says which of the "
        "two is better"
    )


def _nothing_to_judge(figures: Figures) -> str:
    if figures["champion_version"]:
        return (
            "no complete window lies after the champion's training, so none can judge both; wait "
            "for the next one"
        )
    return "there is no complete window yet that could judge; wait for the first one"


def _cooldown(figures: Figures) -> str:
    tried, asked = figures["n_windows"], figures["cooldown_windows"]
    ago = f"{counted(tried, 'window')} ago" if tried else "in this window"
    return (
        f"a retraining is wanted, but the last one was tried {ago}, and the next may begin "
        f"{counted(asked, 'window')} after it"
    )


def _approval_pending(figures: Figures) -> str:
    return (
        f"version {figures['version']} waits for approval; the next challenger is not trained "
        f"before {counted(figures['measured_windows'], 'new window')} can judge it, and there "
        f"{'is' if figures['n_windows'] == 1 else 'are'} {figures['n_windows'] or 'none'} so far"
    )


def _no_rule_fired(figures: Figures) -> str:
    silent = figures["not_computed"]
    return f"no rule fired; not computed yet: {bounded_list(silent)}" if silent else "no rule fired"


def _rule_state(figures: Figures) -> str:
    rule, state = figures["rule"], figures["state"]
    if figures["value"] is None:
        return f"rule {rule}: {state}"
    if figures["counted_in"]:
        return f"rule {rule}: {ScheduleRule.evidence(figures)}"
    on_its_way = "fired" if state == "fired" else f"{state} windows that it takes to fire"
    window = rows_label(figures["window"] or "")
    return f"rule {rule}: {on_its_way}, {_rule_value(figures)} in window {window}"


def _rule_value(figures: Figures) -> str:
    value, limit = figures["value"], figures["threshold"]
    if figures["bias"] is not None:
        return f"{bias_name(figures)} {figures['bias']:+.1%}"
    if figures["kind"] == "coverage":
        return f"{held_share(value)} held (limit {held_share(limit)})"
    return f"{value:.1%} (limit {limit:.1%})"


def _candidate_refused(figures: Figures) -> str:
    version = figures["champion_version"]
    return f"challenger refused, version {version} stays" if version else "candidate refused"


def _promoted(figures: Figures) -> str:
    before = figures["champion_version"]
    return f"version {figures['version']} promoted" + (
        f" in place of version {before}" if before else ", the first model"
    )


def _candidate_waits(figures: Figures) -> str:
    until = f" until the data reach {figures['until']}" if figures["until"] else ""
    return f"version {figures['version']} passed the gate and waits for approval{until}"


def _answered(figures: Figures) -> str:
    """Return what a person decided about a version, who, and why."""
    version, before = figures["version"], figures["champion_version"]
    by = f" by {figures['actor']}" if figures["actor"] else ""
    place = f"in place of version {before}" if before else "as the first champion"
    stays = f"version {before} stays" if before else "there is no champion"
    said = {
        "approved": f"version {version} approved{by} {place}",
        "refused": f"version {version} refused{by}, {stays}",
        "rollback": f"version {before} rolled back{by}, version {version} is back in use",
    }[figures["answer"]]
    return f"{said}: {figures['note']}" if figures["note"] else said


def _unproven_champion(figures: Figures) -> str:
    said = f"version {figures['version']} is new: no window of it has been judged yet"
    if figures["value"] is None:
        return said
    error = f"{ERROR_LABELS[figures['metric']]} {quantity(figures['value'])}"
    return f"{said}; the gate measured {error} on rows that it had not seen"


def _labels_pending(figures: Figures) -> str:
    windows = [rows_label(window) for window in figures["windows"]]
    if len(windows) == 1:
        return f"window {windows[0]} waits for labels"
    return f"{len(windows)} windows wait for labels: {bounded_list(windows)}"


def _newest_error(figures: Figures) -> str:
    said = f"{ERROR_LABELS[figures['metric']]} {quantity(figures['value'])} of version "
    said += f"{figures['version']} in window {rows_label(figures['window'])}"
    gain = figures["improvement"]
    return said if gain is None else f"{said}, {_signed(gain)} than the baseline's"


def _newest_drift(figures: Figures) -> str:
    columns, window = figures["columns"], rows_label(figures["window"])
    said = f"{len(columns) or 'none'} of {figures['n_columns']} columns drifted in window {window}"
    return f"{said}: {bounded_list(columns)}" if columns else said


def _windows_judged(figures: Figures) -> str:
    windows = [rows_label(window) for window in figures["windows"]]
    if len(windows) > 1:
        return f"{len(windows)} windows judged, the newest {windows[-1]}"
    return f"window {windows[0]} judged" if windows else "no window has ended"


def _error_moved(figures: Figures) -> str:
    value, before = figures["value"], figures["before"]
    versions = figures["version"], figures["version_before"]
    now, then = (f" (version {v})" if versions[0] != versions[1] else "" for v in versions)
    said = f"{ERROR_LABELS[figures['metric']]} {quantity(value)}{now} after {quantity(before)}"
    return f"{said} in the window before{then} ({value / before - 1:+.1%})" if before else said


def quantity(value: float) -> str:
    """Write a quantity with three or four significant digits, in sentences as on the page.

    Returns:
        For example ``1,234``, ``51.3``, ``0.127``; a whole number has no decimals.
    """
    size = abs(value)
    if 0 < size < 0.001:
        return f"{value:.2g}"
    is_whole = size >= 1000 or value % 1 == 0
    digits = 0 if is_whole else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{digits}f}"


SENTENCES: dict[str, str | Callable[[Figures], str]] = {
    # The gate
    "rows": "{value:,.0f} rows were judged. Asked for: at least {threshold:,.0f}",
    "times": "{value:,.0f} times were judged. Asked for: at least {threshold:,.0f}",
    "metric": _metric_bound,
    "training_overlap": lambda figures: (
        f"of the judged rows {figures['value']:,.0f} are no later than {figures['trained_until']}, "
        "up to which the candidate was trained"
    ),
    "baseline_fallback": _baseline_fallback,
    "observed_improvement": _observed_improvement,
    "proven_improvement": _proven_improvement,
    "segment": _segment,
    "no_check": "no check was made",
    "same_model": "same data, same configuration: this is champion version {champion_version} "
    "again, so nothing was registered and no alias moved",
    "rolled_back": "version {version} was promoted on this very evidence and rolled back; new data "
    "or another configuration is needed",
    "asked_before": "version {version} was {answer} on this very evidence; new data or another "
    "configuration is needed",
    "asks": _asks,
    # Why a check of the gate could not be computed
    "metric_undefined": _metric_undefined,
    "missing_forecasts": "{n_missing:,} of {n_rows:,} rows have no forecast",
    "too_few_blocks": lambda figures: (
        f"there {'is' if figures['n_blocks'] == 1 else 'are'} "
        f"{counted(figures['n_blocks'], 'block')} of {figures['block']}, and at least "
        f"{figures['minimum_blocks']} are needed"
    ),
    "rows_used_up": _rows_used_up,
    "opponent_without_error": "the other model has no error in whole blocks, so there is no share "
    "of it",
    "improvement_undefined": "the improvement is not defined",
    "no_new_rows": "the champion was trained until {trained_until}, so none of the holdout rows is "
    "new to it; begin the holdout later",
    "nothing_to_judge": _nothing_to_judge,
    # The policy's rules
    **{kind: rule.evidence for kind, rule in PolicyRule.kinds.items()},
    # Why a rule could not be computed
    "no_labelled_window": "no labelled window since the training",
    "no_served_row": "the service answered no row since the training that was observed later",
    "too_few_windows": lambda figures: (
        f"{counted(figures['n_windows'], 'window')} so far, and {figures['of']} are needed"
    ),
    "bias_undefined": "the bias is not defined: every target is 0, or a quantile is predicted, "
    "which is above or below the target by design",
    # The policy
    "no_champion": "there is no champion yet",
    "cooldown": _cooldown,
    "approval_pending": _approval_pending,
    "no_rule_fired": _no_rule_fired,
    "no_rule_computed": "no rule could be computed yet",
    # The rollback
    "rollback": "version {champion_version} back to version {version}: {reason}",
    # The approval
    "approved": _approved,
    "refused": "version {version} stays out: {reason}",
    "expired": "version {version} could be approved until {until}, {deadline} after it was asked "
    "about",
    "champion_changed": _champion_changed,
    "superseded": "version {version} waits no longer, since version {newer} is newer",
    # How the model is
    "rule_state": _rule_state,
    "unproven_champion": _unproven_champion,
    "restored_champion": "version {version} is back in use, and the policy has not looked at it "
    "since",
    "answered": _answered,
    "labels_pending": _labels_pending,
    "candidate_waits": _candidate_waits,
    "candidate_refused": _candidate_refused,
    "promoted": _promoted,
    "newest_error": _newest_error,
    "newest_drift": _newest_drift,
    "windows_judged": _windows_judged,
    "error_moved": _error_moved,
    "rule_changed": "rule {rule}: {now}, before that {before}",
    # What to do
    "next_nothing": "nothing; the next tick looks again",
    "next_wait": "nothing yet; the next tick looks again",
    "next_approve": "approve version {version}, or refuse it",
    "next_retrain": "the policy asks for a retraining that has not been tried",
    "next_first_model": "train a first model",
    "next_first_model_refused": "give the model better features or more rows, and train again",
    "next_mend_performance": "the model has lost its lead over the naive forecast and no "
    "challenger is better: look at the newest rows, give it better features, and train again",
    "next_mend_data_quality": "mend the source of the data: values or rows are missing or rejected",
    "next_mend_skew": "mend what callers send, or say in the problem when a column is known",
    "next_mend_coverage": "rely less on the interval: it holds fewer rows than it promises",
    "next_mend_alert": "look at what rule {rule} found",
    # The backtest
    "first_model": "the first model",
    "due": "{policy}",
}
"""The one table of messages: the words of every kind of reason, from its figures."""
