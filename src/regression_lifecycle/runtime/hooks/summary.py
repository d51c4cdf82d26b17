"""The short table that a run ends with: how good, what was decided, where to look."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from pandas import isna

from regression_lifecycle.core.decisions.records import APPROVED, PROMOTE, WAITING
from regression_lifecycle.core.decisions.rule_kinds import held_share
from regression_lifecycle.core.decisions.waiting import waiting_version
from regression_lifecycle.core.decisions.wording import answer_commands, next_command, sentences
from regression_lifecycle.core.durations import rows_label
from regression_lifecycle.core.errors import counted
from regression_lifecycle.core.frames.collecting import count_rows
from regression_lifecycle.core.ingestion.changes import COLUMNS
from regression_lifecycle.core.ingestion.gaps import BEGINS_LATER, ENDED, GAP
from regression_lifecycle.core.ingestion.labels import WAITS
from regression_lifecycle.core.metrics import (
    ERROR_LABELS,
    ErrorMetric,
    headline_metrics,
    metric_label,
)
from regression_lifecycle.core.monitoring.error_rates import GATE, INTERVAL, NO_LIMIT, RULE
from regression_lifecycle.runtime.hooks.tracking import problem_of
from regression_lifecycle.runtime.terminal import (
    open_console,
    print_commands,
    print_entry,
    print_health,
    print_where_to_look,
)

# A table longer than a screen is for the page.
_MOST_WINDOWS = 30
_WORST_SERIES = 5
# Of these the catalog has more after the run, or nothing.
_OF_THIS_RUN = (
    "explained_windows",
    "policy_state",
    "current_champion",
    "labels",
    "rejected_labels",
    "rollback_decision",
    "approval_decision",
    "error_rates",
    "reproduction_report",
    "health_record",
)
_COLOURS = {
    **dict.fromkeys(("promote", "keep", "approved"), "green"),
    **dict.fromkeys(("unchanged", "retrain"), "cyan"),
}


class SummaryHook:
    """Prints the figures of a run from the catalog entries that it wrote."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Remember the project folder, so that paths can be shown relative to it."""
        self._root = Path(context.project_path)
        # A command that is suggested leaves out what it would take by itself.
        is_default = context.env in (None, "", context.config_loader.default_run_env)
        self._env = "" if is_default else context.env
        self._is_step = context.config_loader.is_step
        self._as_of = str((context.config_loader.runtime_params or {}).get("as_of") or "")
        self._saved: dict[str, Any] = {}

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Keep what this run looked at, took, decided or put in place."""
        if dataset_name in _OF_THIS_RUN:
            self._saved[dataset_name] = data

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Print what there is to say of the datasets that this run wrote."""
        console = open_console()
        written = self._written = set(pipeline.all_outputs())
        problem = problem_of(catalog)
        self._problem = problem
        self._error: ErrorMetric = "rmse" if problem is None else problem.error_metric
        self._error_name = ERROR_LABELS[self._error]
        sections = {
            "rejected_observations": self._ingestion,
            "holdout_metrics": self._metrics,
            "series_metrics": self._series,
            "window_metrics": self._windows,
            "drift_verdict": self._drift,
            "gate_decision": self._decision,
            "current_champion": self._finished,
            "explained_windows": self._monitored,
            "policy_decision": self._decision,
            "retraining_decision": self._decision,
            "rollback_decision": self._decision,
            "approval_decision": self._decision,
            "champion_version": self._champion,
            "ledger": self._waiting,
            "policy_ledger": self._waiting,
            "error_rates": self._rates,
            "labels": self._labels,
            "backtest_summary": self._backtest,
            "reproduction_report": self._reproduction,
            "health_record": self._health,
        }
        for name, section in sections.items():
            if name in written:
                section(console, catalog, name)
        self._where_to_look(console, catalog)
        self._saved = {}

    def _ingestion(self, console: Any, catalog: Any, name: str) -> None:
        rejected = catalog.load("rejected_observations")
        n_observations = count_rows(catalog.load("observations"))
        missing = catalog.load("observation_gaps")
        gaps = missing[missing["kind"] == GAP]
        ends = [
            f", {count:,} series {one if count == 1 else many}"
            for kind, one, many in (
                (BEGINS_LATER, "begins later", "begin later"),
                (ENDED, "has ended", "have ended"),
            )
            if (count := int((missing["kind"] == kind).sum()))
        ]
        holes = f"{len(gaps):,} {'gap' if len(gaps) == 1 else 'gaps'}"
        console.print(
            f"\n[bold]Observations[/] {n_observations:,} accepted, {len(rejected):,} rejected, "
            f"{int(gaps['n_missing'].sum()):,} missing in {holes}{''.join(ends)}"
        )
        changes = catalog.load("observation_changes")
        rows = changes[changes["change"] != COLUMNS]
        if len(rows):
            said = (f"{row['n_rows']:,} {row['change']}" for row in rows.to_dict("records"))
            console.print(f"[bold]Since the last run[/] {', '.join(said)}")
        unused = catalog.load("unused_labels")
        if len(unused):
            waiting = int((unused["reason"] == WAITS).sum())
            console.print(
                f"[bold]Labels[/] {waiting:,} wait for their observation, "
                f"{len(unused) - waiting:,} cannot be used"
            )

    def _metrics(self, console: Any, catalog: Any, name: str) -> None:
        metrics = catalog.load("holdout_metrics")
        n_rows = int(next(iter(metrics.values()))["n"])
        names, missing = headline_metrics(metrics)
        heads = ["model", *(metric_label(name) for name in names)]
        table = _table(f"Holdout, {counted(n_rows, 'row')}", heads)
        for model, values in metrics.items():
            table.add_row(model, *(_figure(name, values[name]) for name in names))
        console.print(table)
        for sentence in missing:
            console.print(sentence, markup=False)

    def _series(self, console: Any, catalog: Any, name: str) -> None:
        from rich.markup import escape

        series = catalog.load(name)
        if series.empty:
            return
        worst = series.head(_WORST_SERIES)
        squared = "squared " if self._error == "rmse" else ""
        title = (
            f"Worst {len(worst)} of {len(series):,} series, by their share of the {squared}error"
        )
        bias = ["bias"] if self._error == "rmse" else []
        heads = ["series", "n", self._error_name, "baseline", "WAPE", *bias, "share"]
        table = _table(title, heads)
        names = (self._error, f"baseline_{self._error}", "wape", *bias, "error_share")
        for row in worst.to_dict("records"):
            figures = (_figure(name, row[name]) for name in names)
            table.add_row(escape(str(row["series"])), f"{row['n']:,}", *figures)
        console.print(table)

    def _windows(self, console: Any, catalog: Any, name: str) -> None:
        metrics = catalog.load("window_metrics")
        drift = catalog.load("window_drift") if "window_drift" in self._written else None
        models = list(dict.fromkeys(metrics["model"]))
        error = self._error
        # Beside a champion it would not fit a terminal, and names would be cut.
        second = {"MAE": "mae"} if len(models) < 3 else {}
        names = ["window", "n", self._error_name, *second, *models[1:]]
        table = _table(
            f"Windows (of champion and baseline the {self._error_name})",
            [*names, *(["drifted"] if drift is not None else [])],
        )
        for window, part in metrics.groupby("window", sort=False):
            by_model = part.set_index("model")
            first = by_model.loc[models[0]]
            row = [
                str(window),
                f"{int(first['n']):,}",
                *(_number(first[each]) for each in (error, *second.values())),
                *(_number(by_model.loc[model, error]) for model in models[1:]),
            ]
            if drift is not None:
                found = drift.loc[drift["window"] == window, "drifted"].dropna()
                row.append(f"{int(found.sum())}/{len(found)}")
            table.add_row(*row)
        console.print(table)

    def _drift(self, console: Any, catalog: Any, name: str) -> None:
        verdict = catalog.load("drift_verdict")
        computed = verdict["drifted"].dropna()
        drifted = list(verdict.loc[verdict["drifted"].fillna(False).astype(bool), "column"])
        said = f"{len(drifted)} of {counted(len(computed), 'column')} of the holdout"
        names = f": {', '.join(drifted)}" if drifted else ""
        print_entry(console, "Drift", f"{said} against the training rows{names}")

    def _decision(self, console: Any, catalog: Any, name: str) -> None:
        decision = self._saved[name] if name in self._saved else catalog.load(name)
        titles = {
            "policy_decision": "Policy",
            "rollback_decision": "Decision",
            "approval_decision": "Decision",
        }
        colour = _COLOURS.get(decision.decision, "yellow")
        title = titles.get(name, "Gate")
        print_entry(console, title, decision.decision, sentences(decision.reasons), colour)

    def _health(self, console: Any, catalog: Any, name: str) -> None:
        from regression_lifecycle.core.decisions.health import read_health

        if not self._is_step:
            print_health(console, read_health(self._saved[name]))

    def _finished(self, console: Any, catalog: Any, name: str) -> None:
        if version := self._saved[name]:
            print_entry(
                console,
                "Champion",
                f"version {version}, put in place now",
                ["a run that was killed had recorded it and not moved the alias"],
            )

    def _monitored(self, console: Any, catalog: Any, name: str) -> None:
        from rich.markup import escape

        from regression_lifecycle.core.monitoring.contributions import describe_contributions
        from regression_lifecycle.core.monitoring.skew import describe_skew

        shown = self._saved[name].sort_values(["window_index", "revision"])
        if shown.empty:
            print_entry(console, "Windows", "nothing new", [_why_nothing_is_new(self._saved)])
            return
        title = "Windows looked at"
        if len(shown) > _MOST_WINDOWS:
            title += f", the newest {_MOST_WINDOWS} of {len(shown)}"
        title += ": bias and coverage as served" if self._error == "rmse" else ""
        error = self._error
        # A quantile has no bias and no interval; what it has is the share at or below it.
        others = ["bias", "coverage"] if error == "rmse" else ["quantile_coverage"]
        heads = {"bias": "bias", "coverage": "held", "quantile_coverage": "below"}
        columns = [self._error_name, "baseline", *(heads[name] for name in others)]
        table = _table(title, ["window", "by", *columns, "drift", "notes"])
        table.columns[0].no_wrap = True
        table.columns[-1].justify = "left"
        for row in shown.tail(_MOST_WINDOWS).to_dict("records"):
            alarms = "" if isna(row["alarms"]) else str(row["alarms"]).replace(",", ", ")
            status = "" if row["status"] == "complete" else str(row["status"])
            labelled = "" if row["n_labelled"] == row["n"] else _labelled(row)
            moved = [
                f"{word}: {row[name]}"
                for word, name in (("new", "new_series"), ("vanished", "vanished_series"))
                if not isna(row[name]) and row[name]
            ]
            table.add_row(
                escape(rows_label(str(row["window"]))),
                f"v{row['model_version']}",
                *(_figure(name, row[name]) for name in (error, f"baseline_{error}", *others)),
                f"{_count(row['n_drifted'])}/{_count(row['n_drift_columns'])}",
                escape("; ".join(note for note in (status, labelled, alarms, *moved) if note)),
            )
        console.print(table)
        skewed = [said for row in shown.to_dict("records") if (said := describe_skew(row))]
        if skewed:
            print_entry(console, "Skew", "", [skewed[-1]])
        alarmed = [row for row in shown.to_dict("records") if describe_contributions(row)]
        if alarmed:
            said = f"in {alarmed[-1]['window']} {describe_contributions(alarmed[-1])}"
            print_entry(console, "Moved", "", [said])

    def _backtest(self, console: Any, catalog: Any, name: str) -> None:
        from regression_lifecycle.core.backtest.comparison import conclusions
        from regression_lifecycle.core.data.tables import BACKTEST_SUMMARY

        summary = BACKTEST_SUMMARY.frame(catalog.load(name))
        first = summary.iloc[0]
        several = (summary["phases"] > 1).fillna(False)
        phases = _number_of(summary["best_phase"]) + "-" + _number_of(summary["worst_phase"])
        columns = {
            "policy": summary["policy"].astype(str),
            self._error_name: _number_of(summary[self._error]),
            **({"phases": phases.where(several, "-")} if several.any() else {}),
            "MAE": _number_of(summary["mae"]),
        }
        if self._error == "pinball":
            columns["below"] = summary["quantile_coverage"].map(partial(_figure, "coverage"))
        else:
            columns["RMSLE"] = _number_of(summary["rmsle"])
            columns["bias"] = summary["bias"].map(partial(_figure, "bias"))
            columns["held"] = summary["coverage"].map(partial(_figure, "coverage"))
        columns |= {
            "retrains": summary["retrains"].map("{:.3g}".format),
            "refused": summary["refused"].map(str),
            "churn": _number_of(summary["churn"]),
            "CPU s": _number_of(summary["fit_cpu_seconds"]),
        }
        title = f"Backtest, {int(first['n_windows'])} windows, {int(first['n']):,} rows"
        # What a small screen has no room for is on the page and in the stored table.
        for left_out in ("", "CPU s", "RMSLE", "bias", "MAE", "held", "refused"):
            columns.pop(left_out, None)
            table = _table(title, list(columns))
            for row in zip(*columns.values(), strict=True):
                table.add_row(*row)
            if _width(console, table) <= console.width:
                break
        console.print(table)
        for sentence in conclusions(summary, self._error, _short):
            console.print(sentence, markup=False)

    def _champion(self, console: Any, catalog: Any, name: str) -> None:
        dataset = catalog.get("champion_version")
        version = dataset.state()
        shown = f"version {version}" if version else "none"
        console.print(f"[bold]Champion[/] {dataset._describe()['model_name']}: {shown}")

    def _waiting(self, console: Any, catalog: Any, name: str) -> None:
        if self._is_step:
            return
        found = self._problem and waiting_version(catalog.load(name), self._problem.name)
        if not found:
            return
        before = f"version {found.champion_version}" if found.champion_version else "no champion"
        until = f", until {found.expires_at}" if found.expires_at is not None else ""
        said = f"version {found.version} for approval in place of {before}"
        since = f"since {found.asked_at}{until}"
        print_entry(console, "Waiting", said, [f"{since} by the clock of the data (as_of)"])
        print_commands(console, answer_commands(found.version, self._env, self._as_of))

    def _rates(self, console: Any, catalog: Any, name: str) -> None:
        rates = self._saved[name]
        if rates.empty:
            # Where the champion stays there is nothing to calibrate.
            answer = self._saved.get("approval_decision")
            stays = answer is not None and answer.decision != APPROVED
            if "retraining_decision" not in self._written and not stays:
                has_champion = catalog.get("champion_version").state()
                why = (
                    "the newest training left too few rows out of sample, or those of models "
                    "that are configured otherwise than the champion; its limits stay as they are"
                    if has_champion
                    else "there is no champion yet"
                )
                print_entry(console, "Error rates", "not computed", [why])
            return
        title = f"Error rates, champion version {rates['model_version'].iloc[0]}"
        heads = ["about", "name", "stated", "measured", "limit", "memory", "windows"]
        table = _table(title, heads)
        table.columns[1].justify, table.columns[1].no_wrap = "left", True
        names = ("stated", "measured", "limit", "memory")
        for row in rates.to_dict("records"):
            figures = (_rate(row, name) for name in names)
            table.add_row(row["subject"], row["name"], *figures, f"{_count(row['n_windows'])}")
        console.print(table)
        console.print("Of rules: times a year that they begin to fire on a model that is right.")
        if rates.loc[rates["subject"] == RULE, "limit"].isna().any():
            console.print(NO_LIMIT)

    def _reproduction(self, console: Any, catalog: Any, name: str) -> None:
        from regression_lifecycle.core.reproduction.comparison import describe_verdict

        report = self._saved[name]
        sides = {"registered": report.registered, "reproduced": report.reproduced}
        names, _ = headline_metrics({side: fit.metrics for side, fit in sides.items()})
        n_rows = counted(report.n_rows, "training row")
        title = f"Version {report.version} on its own {n_rows}"
        table = _table(title, ["", "model", "data", *(metric_label(name) for name in names)])
        for side, fit in sides.items():
            figures = (_figure(name, fit.metrics[name]) for name in names)
            # Their beginnings tell two apart, and fit a small screen.
            prints = (text[:10] for text in (fit.fingerprint, fit.data_fingerprint))
            table.add_row(side, *prints, *figures)
        console.print(table)
        n_different = f"{report.n_different:,} of {report.n_rows:,} differ, by at most"
        said = f"{n_different} {report.max_difference:.2g}" if report.n_different else "all equal"
        print_entry(console, "Predictions", said)
        for difference in report.differences:
            said = f"{difference.name} was {difference.before} and is {difference.now}"
            print_entry(console, "Differs", "", [said])
        print_entry(console, "Verdict", "", [describe_verdict(report)])

    def _labels(self, console: Any, catalog: Any, name: str) -> None:
        taken, rejected = (len(self._saved[part]) for part in (name, "rejected_labels"))
        console.print(f"[bold]Labels[/] {taken:,} accepted, {rejected:,} rejected")

    def _where_to_look(self, console: Any, catalog: Any) -> None:
        if self._is_step:
            return
        page = ""
        if "dashboard_page" in self._written:
            page = self._relative(Path(str(catalog.get("dashboard_page")._filepath)))
        reports = []
        for name in sorted(name for name in self._written if name.endswith("_report")):
            path = getattr(catalog.get(name), "_filepath", None)
            if path is not None:
                reports.append(self._relative(Path(str(path)) / "report.html"))
        self._next(console, catalog)
        print_where_to_look(console, page, reports, self._env)

    def _next(self, console: Any, catalog: Any) -> None:
        """Print what to run next; the verdict and a version that waits name it themselves."""
        decisions = ("gate_decision", "retraining_decision")
        made = [catalog.load(name) for name in decisions if name in self._written]
        if "health_record" in self._written or any(gate.decision == WAITING for gate in made):
            return
        if made and made[-1].decision != PROMOTE and not made[-1].champion_version:
            print_entry(
                console, "Next", "give the model better features or more rows, and train again"
            )
            print_commands(console, [next_command("kedro run", self._env)])
        elif {"champion_version", "policy_decision"} & self._written:
            print_entry(console, "Next", "judge the windows that have ended, and draw the page")
            command = next_command("kedro tick", self._env, self._as_of)
            print_commands(console, [command] if command else [])

    def _relative(self, path: Path) -> str:
        return str(path.relative_to(self._root)) if path.is_relative_to(self._root) else str(path)


def _table(title: str, columns: list[str]) -> Any:
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold")
    for position, name in enumerate(columns):
        # What a row is called is not cut, so that rows can be told apart.
        first = position == 0
        table.add_column(name, justify="left" if first else "right", no_wrap=first)
    return table


def _why_nothing_is_new(saved: dict[str, Any]) -> str:
    """Return why no window was looked at."""
    state = saved.get("policy_state")
    if state is None:
        return "no window has ended since the last look"
    if not state.champion_version:
        return "there is no champion yet whose windows could be judged"
    if state.trained_until is not None and state.as_of <= state.trained_until:
        return (
            f"version {state.champion_version} was trained on rows until {state.trained_until}, "
            f"and this look stands at {state.as_of}: only later windows can judge it. Leave "
            "--as-of out, or begin a replay without a champion"
        )
    return f"no window of version {state.champion_version} has ended since the last look"


def _labelled(row: dict[str, Any]) -> str:
    return f"{row['n_labelled'] / row['n']:.0%} labelled" if row["n"] else ""


def _count(value: Any) -> int:
    return 0 if isna(value) else int(value)


def _width(console: Any, table: Any) -> int:
    """How wide a table wants to be, whatever room there is."""
    from rich.measure import Measurement

    return Measurement.get(console, console.options.update(max_width=1000), table).maximum


def _number_of(values: Any) -> Any:
    return values.map(_short)


def _short(value: float) -> str:
    """Write a figure with three or four digits, so that a table of many fits a screen."""
    if isna(value):
        return "-"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:#.4g}" if size >= 1 else f"{value:.3f}" if size >= 0.1 else f"{value:#.3g}"


def _figure(name: str, value: float | None) -> str:
    """Write a metric: a bias as a signed percentage, what an interval held as a percentage."""
    if value is None or isna(value):
        return "-"
    if name == "bias":
        return f"{value:+.1%}"
    return f"{value:.1%}" if name.endswith("coverage") else _number(value)


def _rate(row: dict[str, Any], name: str) -> str:
    """Write a rate: of the coverage the limit is the share that an interval holds."""
    value = row[name]
    if isna(value):
        return "-"
    if name == "limit":
        rule = row["rule"]
        is_missed_share = isinstance(rule, str) and json.loads(rule).get("kind") == "coverage"
        return held_share(value) if is_missed_share else f"{value:.1%}"
    is_share = row["subject"] in (INTERVAL, GATE) and name != "memory"
    return f"{value:.1%}" if is_share else _number(value)


def _number(value: float | None) -> str:
    if value is None or value != value:
        return "-"
    if 0 < abs(value) < 0.001:
        return f"{value:.2g}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.2f}"
