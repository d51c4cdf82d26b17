"""The page: one file, offline, bounded, and true to the tables."""

from __future__ import annotations

import io
import itertools
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest

from regression_lifecycle.adapters.dashboard import bundle_library, draw_picture, render_page
from regression_lifecycle.adapters.dashboard.parameters import DashboardParameters
from regression_lifecycle.adapters.dashboard.tables import Champion
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.records import Reason, to_cell
from regression_lifecycle.core.decisions.wording import sentence, sentences
from regression_lifecycle.core.errors import LifecycleError
from tests.adapters.dashboard.examples import (
    BIAS_RULE,
    CHECKS,
    SAID,
    backtest,
    champion,
    drift,
    error_rates,
    full_tables,
    ledger,
    page_problem,
    page_tables,
    segments,
    series,
    windows,
)

ATTACK = "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)>"
MEGABYTE = 1_000_000


class Page(HTMLParser):
    """Texts outside scripts, the tags, and the blocks of JSON."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.blocks: dict[str, Any] = {}
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = (dict(attrs).get("id") or tag) if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = "" if tag in ("script", "style") else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside in ("data", "specifications", "configs"):
            self.blocks[self._inside] = json.loads(data)
        elif not self._inside:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def rows(self, table: str) -> pd.DataFrame:
        return pd.DataFrame(
            {
                name: [column["levels"][k] for k in column["cells"]]
                if "levels" in column
                else column["cells"]
                for name, column in self.blocks["data"][table].items()
            }
        )


@pytest.fixture(scope="module")
def html() -> str:
    return render_page(full_tables())


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def render(**tables: Any) -> str:
    """The page of a champion and of these tables alone: what is not drawn takes no time."""
    return render_page(page_tables(problem=page_problem(), champion=champion(), **tables), "x")


def test_the_page_is_one_file_that_asks_for_no_other(html: str, page: Page) -> None:
    assert len(html.encode()) < 2 * MEGABYTE
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "img", "base")
        assert "src" not in attributes
    policy = next(a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert "unsafe-inline" not in policy.split("style-src")[0]
    assert "http" not in policy


def test_the_same_tables_make_the_same_page(html: str) -> None:
    assert render_page(full_tables()) == html


def test_the_head_says_what_is_deployed_and_what_was_decided(page: Page) -> None:
    for words in (
        "bikes",
        "Bikes rented in one hour.",
        "cnt (rentals), 7 days ahead",
        "version 3, Ridge",
        "2011-01-01 to 2011-04-15 23:00, 2,519 rows",
        "after window 2011-04-16, as of 2011-04-30",
        sentence(BIAS_RULE.reason),
    ):
        assert words in page.text


def test_the_page_begins_with_the_verdict_why_and_what_to_do(html: str, page: Page) -> None:
    tables = full_tables()
    health = tables.health
    head = page.text.split("Last complete window")[0]

    assert health.verdict == "act"
    assert 'class="card health bad"' in html
    for words in (*sentences(health.reasons), *sentences(a.reason for a in health.actions)):
        assert words in head
    assert "kedro run --pipelines=retraining" in head


def test_commands_name_the_environment_that_they_need() -> None:
    parameters = DashboardParameters(environment="bike_daily,local")
    page = Page(render_page(page_tables(problem=page_problem(), parameters=parameters)))

    assert "kedro run --pipelines=backtest --env=bike_daily,local" in page.text
    assert page.text.count("kedro ") == page.text.count("--env=bike_daily,local")


@pytest.mark.parametrize("decision", ["refuse", "promote", "waiting"])
def test_the_outcome_is_what_was_decided_last(decision: str) -> None:
    said = ledger().iloc[:3].assign(decision=["refuse", "retrain", decision])

    html = render(ledger=said)

    outcome = html.split("<h3>Last outcome</h3>")[1].split("</section>")[0]
    assert f">{decision}</span>" in outcome
    assert "retrain" not in outcome


def test_the_rules_are_a_table_with_a_line_over_time(html: str, page: Page) -> None:
    found = f"bias fired +14.1% \u00b110.0% retrain {sentence(BIAS_RULE.reason)}"
    assert found in page.text
    table = html.split('<table class="rules cards">')[1].split("</table>")[0]
    assert table.count("<polyline") == 2
    quiet = replace(BIAS_RULE, verdict="quiet", value=0.12, figures={
        **BIAS_RULE.figures, "n_bad": 1, "is_newest_bad": True, "bias": -0.12,
    })  # fmt: skip
    other = ledger().assign(policy=to_cell([quiet]), champion_version_before="2")
    page = Page(render(ledger=other))
    assert "bias 1 of 2 windows \u221212.0% \u00b110.0%" in page.text
    assert "on version 2, as of 2011-04-30; version 3 has not served a window that" in page.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        # Half of the limit counts as a violation of two, and says so in its own words.
        (
            {"value": 0.06, "figures": {"statistic": "cusum", "bias": 0.02, "n_bad": 1}},
            "bias 60% of the limit +6.0% added up \u00b110.0%",
        ),
        ({"kind": "coverage", "value": 0.15, "threshold": 0.2}, "85.0% held at least 80.0%"),
        ({"kind": "performance", "value": 0.906, "threshold": 0.8}, "90.6% 80.0%"),
    ],
)
def test_value_and_limit_of_a_rule_are_in_one_notation(changes: Any, said: str) -> None:
    about = {"is_newest_bad": True, "metric": "rmse", "relative_to": "baseline", "allowance": 0.05}
    about["reference_windows"] = 4
    figures = {**BIAS_RULE.figures, **about, **changes.pop("figures", {})}
    found = replace(BIAS_RULE, verdict="quiet", figures=figures, **changes)

    page = Page(render(ledger=ledger().assign(policy=to_cell([found]))))

    assert said in page.text


def test_decisions_to_keep_are_folded_and_all_say_when_they_were_recorded() -> None:
    kept = ledger(8)
    kept.loc[2:5, "decision"] = "keep"

    html = render(ledger=kept)

    folds = html.split('<details class="fold">')
    assert len(folds) == 2
    assert folds[1].split("</summary>")[0].startswith("<summary>4 \u00d7")
    assert html.count('<details class="entry">') == 8
    for day in range(1, 9):
        assert f"2011-05-0{day} 10:00 UTC" in html


def test_every_reason_is_one_item_whatever_stands_in_it(html: str) -> None:
    decision = html.split("<h3>Last outcome</h3>")[1].split("</ul>")[0]
    reasons = re.findall(r"<li>(.*?)</li>", decision)
    # The words of the person hold a semicolon.
    assert len(reasons) == 2
    assert reasons[0] == sentence(BIAS_RULE.reason)
    assert reasons[1] == SAID
    opened = html.split('<details class="entry">')[1].split("</ul>")[0]
    assert re.findall(r"<li>(.*?)</li>", opened) == reasons


def test_the_headline_figures_are_those_of_the_last_complete_window(page: Page) -> None:
    whole = windows().iloc[:-1]
    whole = whole.assign(alone=whole["sum_raw_prediction"] / whole["sum_target"] - 1)
    last, before = whole.iloc[-1], whole["rmse"].iloc[-5:-1].mean()
    about = f"Last complete window: {last['window']}, of version {last['model_version']}"
    assert about in page.text
    assert f"RMSE {last['rmse']:.1f}" in page.text
    change = f"{100 * (last['rmse'] / before - 1):+.1f}%".replace("-", "\u2212")
    assert f"{change} against the mean of the 4 before ({before:.1f})" in page.text
    assert f"Baseline RMSE {last['baseline_rmse']:.1f}" in page.text
    assert "Windows monitored 12 11 complete, 1 pending labels" in page.text
    assert "With alarms, of the last 8 1 bias, coverage" in page.text
    served, alone = (
        f"{100 * last[name]:+.1f}%".replace("-", "\u2212") for name in ("bias", "alone")
    )
    assert f"Bias as served {served} {alone} of the model alone" in page.text
    assert "90.0% promised" in page.text
    assert "% over 8 windows, 2011-02-26 to 2011-04-16, of versions 1, 2, 3" in page.text


def test_the_charts_and_the_table_hold_the_figures_of_the_windows(page: Page) -> None:
    table, drawn = windows(), page.rows("windows")
    for name in ("error", "baseline_error", "bias", "coverage", "n"):
        pd.testing.assert_series_equal(
            drawn[name].astype("float64"),
            table[name.replace("error", "rmse")].astype("float64"),
            check_names=False,
            rtol=1e-5,
        )
    assert list(pd.to_datetime(drawn["start"], unit="ms")) == list(table["start"])
    assert drawn["whole"].tolist() == [True] * 11 + [False]
    for value in table["rmse"].dropna():
        assert f" {value:.1f} " in page.text


def test_the_comparison_of_policies_says_who_is_best_at_which_price() -> None:
    of = windows()
    history, summary = backtest(of, ("never", "weekly", "bias", "even", "oracle"))
    phases = {"as_often_as": "bias", "phases": 4, "beaten_phases": 3, "retrains": 22.0}
    for name, value in {**phases, "best_phase": 48.5, "worst_phase": 75.25}.items():
        summary.loc[3, name] = value
    page = Page(render(window_history=of, backtest_history=history, backtest_summary=summary))
    points = page.rows("policies").set_index("policy")
    # One with three times the error would press all others into a corner.
    errors = dict(zip(summary["policy"], summary["rmse"], strict=True))
    assert errors.pop("never") == 150
    assert points["error"].to_dict() == errors
    assert "far above the picture: never" in page.text
    assert points["best"].to_dict() == {
        "weekly": True, "bias": True, "even": False, "oracle": False,
    }  # fmt: skip
    assert points.index[points["chosen"]].tolist() == ["bias"]
    assert points.loc["even", ["lowest", "highest"]].tolist() == [48.5, 75.25]
    assert points.loc["bias", ["lowest", "highest"]].isna().all()
    # 78 more retrainings in 12 windows for an error lower by 2.7, 22 for one lower by 101.
    assert (
        "bias: RMSE 49 with 22 retrainings. As many evenly spread: 60 on average, 48.5 to 75.2 by "
        "phase; bias beats 3 of 4 phases. The best where a retraining costs, in RMSE of one "
        "window: weekly below 0.415, bias 0.415 to 55.1, never above 55.1."
    ) in page.text
    assert "48.5 to 75.2 30" in page.text
    assert "12.5%" in page.text
    assert "The oracle (diamond) is a bound, not a policy." in page.text
    assert len(page.rows("policy_windows")) == 5 * len(of)


@pytest.mark.parametrize("error", [49.125, 49.0])
def test_names_of_policies_do_not_cover_each_other(error: float) -> None:
    of = windows()
    history, summary = backtest(of, ("never", "weekly", "bias", "even"))
    summary.loc[3, ["rmse", "retrains"]] = [error, 22.0]
    history.loc[history["policy"] == "even", "rmse"] = error
    page = Page(render(window_history=of, backtest_history=history, backtest_summary=summary))
    points = page.rows("policies").set_index("policy")
    scale = page.blocks["specifications"]["policies"]["layer"][2]["encoding"]["y"]["scale"]
    low, high = scale["domain"]
    named = 260 * (high - points["error"]) / (high - low) + points["dy"]
    assert abs(named["even"] - named["bias"]) >= 14 - 0.1
    assert points["align"].to_dict() == {"weekly": "right", "bias": "left", "even": "left"}
    # Beside the lines, too, whose ends lie on each other.
    ends = page.rows("policy_names").set_index("policy")
    assert ends["chosen"].to_dict() == {
        "weekly": False, "bias": True, "even": False, "never": False,
    }  # fmt: skip
    scale = page.blocks["specifications"]["policy_windows"]["layer"][0]["encoding"]["y"]["scale"]
    low, high = map(math.log, scale["domain"])
    at = sorted(260 * (high - ends["at"].map(math.log)) / (high - low))
    assert min(b - a for a, b in itertools.pairwise(at)) >= 14 - 0.1


def test_the_page_says_how_often_rules_gate_and_interval_of_the_champion_are_wrong(
    page: Page,
) -> None:
    assert (
        "The RMSE of a window correlates by 0.410 with that of the window before (21" in page.text
    )
    assert "bias 0.500 0.510 \u00b123.4% 0.370 21" in page.text
    assert "equal challenger \u2013 42.8% 5% worse \u2013 15.3%" in page.text
    assert "fifth 5 90.0% 86.1%" in page.text
    # The limits of a version that is in use no more are not those of this one.
    assert "77.7%" not in page.text


def test_the_drift_map_measures_against_the_threshold(page: Page) -> None:
    cells = page.rows("drift")
    temp, cnt = cells[cells["column"] == "temp"], cells[cells["column"] == "cnt"]
    assert set(temp["step"].iloc[:-1]) == {"½ to 1"}
    assert set(cnt["step"].iloc[:-1]) == {"1 to 2"}
    assert cnt["drifted"].tolist() == [True] * 11 + [False]
    assert temp["t_score"].iloc[-1] == "not computed: only 3 values"


def of_quantile(table: pd.DataFrame, **figures: Any) -> pd.DataFrame:
    """What stands in the tables of a problem that asks for a quantile."""
    no_sums = {name: float("nan") for name in ("sum_prediction", "sum_raw_prediction")}
    unknown = {name: float("nan") for name in ("bias", "coverage")} | no_sums
    return table.assign(**{name: v for name, v in unknown.items() if name in table}, **figures)


def test_a_quantile_is_shown_and_ranked_by_its_loss() -> None:
    of = of_quantile(
        windows(), pinball=7.25, baseline_pinball=9.5, quantile_coverage=0.875, rmse=51.5
    )
    parts = segments(of).assign(rmse=40.0)
    parts = of_quantile(parts, pinball=parts["value"].map({"8": 3.0, "17": 2.0}))
    shops = series(of).assign(sum_prediction=float("nan"))
    shops["sum_pinball"] = shops["series"].map({"north": 90.0, "south": 10.0})
    history, summary = backtest(of, ("never", "weekly"))
    loss = {"never": 7.125, "weekly": 8.625}
    history, summary = (t.assign(pinball=t["policy"].map(loss)) for t in (history, summary))
    rates = error_rates().replace({"name": {"rmse": "pinball"}})
    page = Page(
        render_page(
            full_tables(
                problem=page_problem().model_copy(update={"quantile": 0.9}),
                window_history=of,
                segment_history=parts,
                series_history=shops,
                backtest_history=history,
                backtest_summary=of_quantile(summary, quantile_coverage=0.75),
                error_rates=rates,
            )
        )
    )

    assert "the quantile 0.9 of cnt" in page.text
    assert "Pinball loss 7.25" in page.text
    assert "Baseline pinball loss 9.50" in page.text
    assert "At or below 87.5% 90.0% promised" in page.text
    assert page.rows("windows")["error"].iloc[0] == 7.25
    assert page.text.index("hr = 8 56 3 ") < page.text.index("hr = 17 56 2 ")
    assert page.text.index("north 80 9 ") < page.text.index("south 80 1 ")
    assert page.rows("policies")["policy"].tolist() == ["never", "weekly"]
    assert "Bias" not in page.text
    # What the gate looked at is the ledger's to tell.
    assert "RMSE" not in page.text.split("Every decision, the newest first")[0]


def test_segments_are_ranked_by_what_they_cost() -> None:
    parts = segments(windows())
    # The more biased one costs less: 7 x 20^2 of 7 x 20^2 + 7 x 40^2.
    parts.loc[parts["value"] == "17", "rmse"] = 20.0
    page = Page(render(window_history=windows(), segment_history=parts))
    assert page.text.index("hr = 8 56 40 \u22125.0% 50.0% 80.0%") < page.text.index(
        "hr = 17 56 20 +20.0% 50.0% 20.0%"
    )


def test_the_ledger_shows_every_decision_with_its_checks(page: Page) -> None:
    assert sum(a.get("class") == "entry" for _, a in page.tags) == 4
    for check in CHECKS:
        assert sentence(check.reason) in page.text
    assert f"at most 71.5 60 fail {sentence(CHECKS[1].reason)}" in page.text
    assert f"bias +14.1% \u00b110.0% fired {sentence(BIAS_RULE.reason)}" in page.text
    assert "baseline 120.2" in page.text


def test_a_row_of_the_ledger_that_cannot_be_read_is_an_error_that_names_it() -> None:
    with pytest.raises(LifecycleError, match="'it was too warm' is no JSON"):
        render(ledger=ledger().assign(reasons="it was too warm"))


def test_reports_are_named_for_people_and_say_whose_they_are(page: Page) -> None:
    refused = "Drift report of a candidate with the answer: refuse"
    assert f"{refused} 2011-04-16 v3" in page.text
    promoted = ledger().assign(decision="promote")
    links = full_tables().report_links
    page = Page(render(ledger=promoted, report_links=links))
    assert "Drift report of version 3" in page.text
    page = Page(render(ledger=ledger().iloc[:0], report_links=links))
    assert "Drift report of a candidate without an answer" in page.text


def test_the_series_that_make_most_of_the_error_are_listed_first() -> None:
    of = windows().assign(new_series="", vanished_series="")
    of.loc[len(of) - 2, ["new_series", "vanished_series", "n_series"]] = ["west", "east", 2]
    text = Page(render(window_history=of, series_history=series(of))).text

    assert "These 2 of 2 series make 100.0% of the squared error." in text
    assert "south 80 30 40 30.0% +30.0% 90.0%" in text
    assert text.index("south 80") < text.index("north 80 10 40 10.0% 0.0% 10.0%")
    assert "New and vanished series" in text
    assert f"{of['window'].iloc[-2]} 2 west east" in text


def test_one_of_five_hundred_series_is_picked_on_a_small_page() -> None:
    of = windows(104)
    names = tuple(f"shop {k}" for k in range(520))
    one = series(of)
    parts = [
        one[one["series"] == "south"].assign(series=name, sum_squares=10.0 * (k + 1) ** 2 + 0.123)
        for k, name in enumerate(names)
    ]
    html = render_page(full_tables(104, window_history=of, series_history=pd.concat(parts)))

    page = Page(html)
    drawn = page.rows("series")
    options = re.findall(r'<option value="(.*?)">', html)
    assert len(html.encode()) < 2 * MEGABYTE
    assert options == [f"shop {k}" for k in range(519, 19, -1)]
    assert 'value="shop 519"' in html
    assert set(drawn["series"]) == set(range(500))
    assert drawn.loc[drawn["series"] == 0, "error"].tolist() == [520.0] * 12
    assert "20 series that make less of the error cannot be picked" in page.text


def test_a_table_without_series_has_no_such_section() -> None:
    page = Page(render_page(full_tables(series_history=pd.DataFrame())))
    assert "Worst series" not in page.text
    assert not any(a.get("href") == "#series" for _, a in page.tags)


def test_only_relative_reports_are_linked() -> None:
    links = pd.DataFrame(
        {
            "name": ["good", "script", "root", "host", "odd"],
            "path": ["a/r.html", "javascript:alert(1)", "/etc/r.html", "//host/x", 'b"/r #1.html'],
            "window": "",
            "candidate": "",
        }
    )
    page = Page(render_page(page_tables(problem=page_problem(), report_links=links)))
    inside = [a["href"] for t, a in page.tags if t == "a" and not str(a["href"]).startswith("#")]
    assert inside == ["a/r.html", "b%22/r%20%231.html"]


def test_without_tables_every_section_says_how_to_fill_it() -> None:
    empty = Page(render_page(page_tables(problem=page_problem())))
    frames = {
        name: pd.DataFrame()
        for name in ("window_history", "drift_history", "segment_history", "series_history",
                     "ledger", "backtest_history", "backtest_summary", "report_links",
                     "error_rates")
    }  # fmt: skip
    assert Page(render_page(page_tables(problem=page_problem(), **frames))).text == empty.text
    assert "No backtest yet: kedro run --pipelines=backtest" in empty.text
    assert "The policy has not decided yet; a champion comes first: kedro run" in empty.text
    cards = [a for _, a in empty.tags if str(a.get("class")).startswith("card")]
    said = sum(a.get("class") == "empty" for _, a in empty.tags)
    # The verdict is never empty.
    assert len(cards) - 1 == said == 10
    assert "No series has been measured yet" in Page(render_page(page_tables(
        problem=page_problem().model_copy(update={"key": ("day", "shop")})
    ))).text  # fmt: skip
    first = Page(render_page(page_tables(problem=page_problem(), champion=champion("1"))))
    assert "Version 1 was put into use. The policy decides once it has served" in first.text
    assert "not decided yet" not in first.text
    assert empty.blocks["specifications"] == {}


def test_a_rule_without_a_limit_says_why(page: Page) -> None:
    rates = error_rates().assign(limit=float("nan"))
    without = Page(render(ledger=ledger(), error_rates=rates))

    assert "keeps the configured one: 12 windows whose figures differ are needed." in without.text
    assert "without a limit here" not in page.text


def test_a_single_window_without_labels_makes_a_page_and_a_picture() -> None:
    tables = page_tables(problem=page_problem(), window_history=windows(1))
    assert "No complete window yet" in Page(render_page(tables)).text
    assert draw_picture(tables).startswith(b"\x89PNG")


def test_skew_is_shown_where_the_service_is_asked(page: Page) -> None:
    of = windows()
    of.loc[9:10, ["n_skew_rows", "features_skew", "predictions_skew"]] = [168, 0.25, 0.125]
    column = {"column": ATTACK, "share": 0.25, "served": 21.3, "observed": 0.45}
    named = of.assign(**{f"most_skewed_{name}": value for name, value in column.items()})

    html = render(window_history=named)
    quiet = of.assign(features_skew=0.0, predictions_skew=0.0)
    begun = named.assign(status=[*["complete"] * (len(of) - 1), "partial"])
    begun.loc[len(of) - 1, ["n_skew_rows", "features_skew", "predictions_skew"]] = [48, 0.0, 0.0]

    assert "2011-04-16: of 168 served rows 12.5% are predicted otherwise" in Page(html).text
    assert "(on average 21.3 as served, 0.45 as observed)" in Page(html).text
    assert ATTACK not in html
    assert "Skewed predictions" in Page(html).text
    calm = Page(render(window_history=quiet)).text
    assert "none of 168 served rows differs from what was observed" in calm
    assert "Skew" not in page.text
    # A window that has only begun does not hide what the newest complete one says.
    still = Page(render(window_history=begun)).text
    assert "of 168 served rows 12.5% are predicted otherwise" in still


def test_nothing_from_the_tables_is_markup(html: str) -> None:
    plain = {tag for tag, _ in Page(html).tags}
    of = windows().assign(
        alarms=ATTACK, worst_segment=ATTACK, model_version=ATTACK, new_series=ATTACK
    )
    history, summary = backtest(of, (ATTACK, "b"))
    said = to_cell([Reason("rollback", {"champion_version": "2", "version": "1", "reason": ATTACK}),
                    Reason(ATTACK, {ATTACK: ATTACK})])  # fmt: skip
    rules = to_cell([replace(BIAS_RULE, name=ATTACK, obstacle=Reason(ATTACK))])
    decisions = ledger().assign(
        reasons=said, policy=rules, note=ATTACK, actor=ATTACK, decision=ATTACK
    )
    hostile = render_page(
        full_tables(
            window_history=of,
            drift_history=drift(of, (ATTACK, "cnt")),
            segment_history=segments(of).assign(value=ATTACK),
            series_history=series(of, (ATTACK, "b")),
            ledger=decisions,
            backtest_history=history,
            backtest_summary=summary,
            champion=champion(ATTACK, ATTACK),
            report_links=pd.DataFrame(
                {name: [ATTACK] for name in ("name", "path", "window", "candidate")}
            ),
            parameters=DashboardParameters(title=ATTACK),
        )
    )
    page = Page(hostile)
    assert {tag for tag, _ in page.tags} <= plain
    assert [t for t, _ in page.tags].count("script") == 5
    assert not any(name.startswith("on") for _, a in page.tags for name in a)
    assert "alert(1)" in page.text
    assert ATTACK[:20] in page.rows("drift")["column"].iloc[0]
    assert "<script>alert" not in hostile


@pytest.mark.slow
def test_a_long_history_is_cut_and_the_page_says_so() -> None:
    columns = tuple(f"column_{k}" for k in range(12))
    of = windows(1000)
    history, summary = backtest(of)
    html = render_page(
        full_tables(
            n=1000,
            columns=columns[:2],
            drift_history=drift(of.tail(200), columns),
            backtest_history=history,
            backtest_summary=summary,
            ledger=ledger(500),
        )
    )
    page = Page(html)
    assert len(html.encode()) < 2 * MEGABYTE
    assert len(page.rows("windows")) == 156
    assert page.rows("windows")["window"].iloc[-1] == of["window"].iloc[-1]
    assert "844 older windows are in the store and not drawn" in page.text
    assert "400 older decisions are in the store and not listed." in page.text
    assert "Windows monitored 1,000" in page.text


@pytest.mark.slow
def test_the_largest_page_that_can_be_asked_for_stays_below_two_megabytes() -> None:
    of = windows(400)
    parameters = DashboardParameters(
        maximum_windows=400, maximum_columns=60, maximum_policies=12, maximum_decisions=300
    )
    history, summary = backtest(of, tuple(f"policy {k}" for k in range(20)))
    tables = full_tables(
        n=400,
        parameters=parameters,
        drift_history=drift(of, tuple(f"column_{k}" for k in range(20))),
        backtest_history=history,
        backtest_summary=summary,
        ledger=ledger(320),
    )
    html = render_page(tables)
    page = Page(html)
    assert len(html.encode()) < 2 * MEGABYTE
    assert page.rows("drift")["column"].nunique() == 15
    assert "5 columns that drifted less often are not drawn." in page.text


def test_another_problem_in_the_same_store_stays_out() -> None:
    both = pd.concat([windows(), windows(6, "other").assign(rmse=999.0)])
    page = Page(render(window_history=both))
    assert len(page.rows("windows")) == 12
    assert "999" not in page.text


def test_the_picture_is_a_png_of_twice_its_size() -> None:
    image = pytest.importorskip("PIL.Image")
    picture = image.open(io.BytesIO(draw_picture(full_tables())))
    assert picture.format == "PNG"
    assert 2000 < picture.size[0] < 2500
    assert 600 < picture.size[1] < 1000
    assert picture.convert("RGB").getpixel((3, 3)) == (255, 255, 255)


def test_every_specification_is_one_of_vega_lite(page: Page) -> None:
    altair = pytest.importorskip("altair")
    specifications = page.blocks["specifications"]

    assert len(specifications) > 10
    for specification in specifications.values():
        altair.TopLevelSpec.validate(specification)


def test_no_colour_stands_in_a_specification(page: Page) -> None:
    written = json.dumps(page.blocks["specifications"])
    assert not re.search(r"#[0-9a-fA-F]{6}\b", written)
    assert set(page.blocks["configs"]) == {"light", "dark"}


def test_a_stored_library_is_used_until_another_version_would_draw() -> None:
    bundle = bundle_library()
    head, code = bundle.split("\n", 1)

    assert bundle_library(f"{head}\nstored") == f"{head}\nstored"
    assert bundle_library("/* vl-convert-python 0.1 */\nstored") == bundle
    assert bundle_library("") == bundle
    assert "vega" in code


def test_a_stored_library_cannot_end_its_script() -> None:
    tables = page_tables(problem=page_problem(), window_history=windows(2))
    html = render_page(tables, "/* </script><!-- */ let marked = 1")

    assert "/* <\\/script><\\!-- */ let marked = 1" in html


def test_without_a_time_the_page_counts_rows() -> None:
    columns = {"x": {"type": "float"}, "cnt": {"type": "float"}}
    rows = Problem.model_validate(
        {"name": "bikes", "target": "cnt", "timestamp": {"rows": True}, "columns": columns}
    )
    dated = windows(2)
    shown = dated.assign(
        window=["rows=2000-2099", "rows=2100-2199"],
        start=pd.to_datetime([2000, 2100], unit="s").as_unit("us"),
        end=pd.to_datetime([2100, 2200], unit="s").as_unit("us"),
    )
    model = Champion("1", "Ridge", pd.Timestamp(0), pd.Timestamp(1599, unit="s"), 1600)
    page = Page(
        render_page(page_tables(problem=rows, window_history=shown, champion=model), library="x")
    )
    assert "Trained on row 0 to row 1599" in page.text
    assert "Predicts cnt, 1 row ahead" in page.text
    assert "Last complete window: rows 2000 to 2099" in page.text
    assert page.rows("windows")["window"].tolist() == ["rows 2000 to 2099", "rows 2100 to 2199"]
    assert "rows=" not in page.text
    assert "1970" not in page.text
    params = page.blocks["specifications"]["bias"]["params"]
    labels = next(param["value"] for param in params if param["name"] == "start_labels")
    assert labels == ["row 2000", "row 2100"]


def test_the_table_says_how_many_rows_are_labelled() -> None:
    sparse = windows(2).assign(n=[28, 28], n_labelled=[28, 23])
    page = Page(render_page(page_tables(problem=page_problem(), window_history=sparse), "x"))
    assert "28, 23 labelled" in page.text
