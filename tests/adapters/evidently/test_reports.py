"""What the project relies on when it asks Evidently: the numbers, and a report come what may."""

from __future__ import annotations

import gzip
import json
import math
import re
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.adapters.evidently import (
    ColumnRoles,
    SnapshotError,
    data_quality_snapshot,
    dump_snapshot,
    evidently_version,
    library_code,
    library_name,
    load_snapshot,
    metric_values,
    regression_snapshot,
    safe_html,
    summary,
    summary_markdown,
)
from regression_lifecycle.core.drift.columns import sample_rows
from regression_lifecycle.core.drift.methods import METHODS, DriftMethod
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.verdict import drifted_share, is_table_drifted
from regression_lifecycle.core.errors import ConfigurationError
from tests.drift_reports import ROLES, draw_drift, headline, table

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
SIZES = {"maximum_rows": 1000, "seed": 0}
# A name or a value that ends a script block, fakes the markers of Evidently's own page, opens a
# comment or runs as an attribute. None of them may be seen as markup by a browser.
ATTACKS = (
    "</script><script>window.__pwned = 1; alert(1)</script>",
    "<script>var global = globalThis</script><script>window.__pwned = 2</script>",
    "<!--<script>window.__pwned = 3</script>",
    "<img src=x onerror='window.__pwned = 4'>",
    "\"></div><svg onload='window.__pwned = 5'>\u2028",
    "[x](javascript:window.__pwned=6) `code` {braces} |pipe|",
)


@pytest.fixture(scope="module")
def reference() -> pd.DataFrame:
    return table(400, seed=1)


@pytest.fixture(scope="module")
def current() -> pd.DataFrame:
    return table(150, seed=2, shift=1.0)


def by_column(verdict: pd.DataFrame) -> pd.DataFrame:
    return verdict.set_index("column")


# --- the numbers ---------------------------------------------------------------------------


def test_the_report_shows_the_verdict(reference: pd.DataFrame, current: pd.DataFrame) -> None:
    parameters = DriftParameters.model_validate(
        {
            "numerical": {"method": "wasserstein"},
            "per_column": {"hum": {"method": "ks", "threshold": 0.9}},
            "drifted_share": 0.2,
        }
    )

    snapshot, verdict = draw_drift(reference, current, ROLES, parameters)

    values = metric_values(snapshot)
    assert verdict["drifted"].sum() in range(1, 5)
    for row in verdict.itertuples():
        assert values[f"ValueDrift.{row.column}"] == row.score
    assert values["DriftedColumnsCount.count"] == verdict["drifted"].sum()
    assert values["DriftedColumnsCount.share"] == drifted_share(verdict)
    shown = pd.DataFrame(summary(snapshot)["drift"])
    for name in ("column", "method", "threshold", "drifted"):
        assert shown[name].tolist() == verdict[name].tolist()
    assert headline(snapshot)["Drifted columns"] == f"{verdict['drifted'].sum()} of 5"
    assert is_table_drifted(verdict, parameters)
    assert headline(snapshot)["Dataset drift"] == "detected"
    strict = parameters.model_copy(update={"drifted_share": 1.0})
    again, _ = draw_drift(reference, current, ROLES, strict)
    assert headline(again)["Dataset drift"] == "not detected"
    page = safe_html(snapshot, "x.js")
    assert all(f"Drift in column '{name}'" in page for name in verdict["column"])


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_method_is_drawn_even_where_both_sides_hold_one_value(method: DriftMethod) -> None:
    before, now = table(60, 1).assign(sky="clear", temp=3.0), table(50, 2).assign(temp=3.0)
    now["sky"] = "clear"
    parameters = DriftParameters.model_validate({method.kind: {"method": method.name}})

    snapshot, _ = draw_drift(before, now, ROLES, parameters)

    column = "temp" if method.kind == "numerical" else "sky"
    shown = {row["column"]: row for row in summary(snapshot)["drift"]}[column]
    assert (shown["method"], shown["drifted"]) == (method.name, False)
    assert f"Drift in column '{column}'" in safe_html(snapshot, "x.js")


def test_no_input_is_changed(reference: pd.DataFrame, current: pd.DataFrame) -> None:
    before, now = reference.copy(), current.copy()
    before.loc[3, ["temp", "sky"]] = [np.inf, None]
    kept = before.copy(), now.copy()
    parameters = DriftParameters.model_validate({"categorical": {"method": "hellinger"}})

    draw_drift(before, now, ROLES, parameters)
    data_quality_snapshot(now, ROLES, **SIZES)
    regression_snapshot(now, ROLES, reference=before, **SIZES)

    pd.testing.assert_frame_equal(before, kept[0])
    pd.testing.assert_frame_equal(now, kept[1])


# --- bad data ------------------------------------------------------------------------------

BAD = {
    "empty": ([np.nan] * 150, "0 values in current"),
    "words": (["5", "six"] * 75, "75 values are not numbers, such as 'six'"),
    "moments": (pd.date_range("2011", periods=150), "holds moments"),
    "lists": ([[1]] * 150, "such as '\\[1\\]'"),
    "infinite": ([np.inf] * 140 + [1.0] * 10, "10 values in current, minimum_rows is 30"),
}


def test_a_bad_column_is_said_and_takes_no_other_with_it(
    reference: pd.DataFrame, current: pd.DataFrame
) -> None:
    odd = ("index", "level_0", "Timestamp")  # names that Evidently itself uses on the way
    roles = ColumnRoles(
        numerical=("temp", "hum", *BAD, "absent", "twice", *odd),
        categorical=("sky", "nested"),
        target="cnt",
        prediction="prediction",
        timestamp="at",
    )
    before = reference.assign(**dict.fromkeys((*BAD, "absent", "nested", *odd), reference["temp"]))
    now = current.assign(**{name: values for name, (values, _) in BAD.items()})
    now = now.assign(**dict.fromkeys(odd, current["temp"]), nested=[["a"]] * 150)
    now = pd.concat([now, now[["temp"]].set_axis(["twice"], axis=1)] * 2, axis=1)
    now = now.loc[:, ~now.columns.duplicated() | (now.columns == "twice")]
    clean = by_column(draw_drift(reference, current, ROLES, DriftParameters())[1])

    snapshot, verdict = draw_drift(before, now, roles, DriftParameters())
    quality = data_quality_snapshot(now, roles, **SIZES)

    rows = by_column(verdict)
    pd.testing.assert_frame_equal(rows.loc[clean.index], clean)
    for name, (_, reason) in BAD.items():
        assert re.match(f"not computed: .*{reason}", rows.at[name, "reason"])
        assert rows.at[name, "drifted"] is pd.NA
    assert rows.at["absent", "reason"] == "not computed: no such column in current"
    assert rows.at["twice", "reason"] == "not computed: no such column in reference"
    assert "cannot be read as categories" in rows.at["nested", "reason"]
    assert rows.loc[list(odd), "reason"].eq("").all()
    shown = safe_html(snapshot, "x.js")
    for name in (*BAD, "absent", "twice", "nested"):
        assert f"{name}: not computed: " in shown
    drawn = [row["column"] for row in summary(snapshot)["drift"]]
    assert set(clean.index) <= set(drawn)
    values = metric_values(quality)
    assert values["MissingValueCount.empty.count"] == 150
    assert values["MissingValueCount.words.count"] == 75
    assert values["MeanValue.temp"] == pytest.approx(current["temp"].mean())
    assert "MeanValue.empty" not in values
    assert "twice: not computed: column appears more than once" in summary(quality)["notes"]


@pytest.mark.parametrize("rows", [0, 1, 29])
def test_too_few_rows_give_reasons_and_still_a_report(reference: pd.DataFrame, rows: int) -> None:
    window = table(150, 2).iloc[:rows]

    snapshot, verdict = draw_drift(reference, window, ROLES, DriftParameters())

    reason = f"not computed: {rows} values in current, minimum_rows is 30"
    assert verdict["reason"].eq(reason).all()
    assert math.isnan(drifted_share(verdict))
    assert summary(snapshot)["notes"][0] == "no column could be compared"
    assert load_snapshot(dump_snapshot(snapshot)).get_name() == "drift"


def test_an_empty_reference_is_said(current: pd.DataFrame) -> None:
    _, verdict = draw_drift(current.iloc[:0], current, ROLES, DriftParameters())

    assert verdict["reason"].str.contains("0 values in reference").all()


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_quality_and_regression_reports_come_out_of_tiny_windows(rows: int) -> None:
    window = table(10, 2).iloc[:rows]

    quality = data_quality_snapshot(window, ROLES, **SIZES)
    regression = regression_snapshot(window, ROLES, **SIZES)

    if rows == 0:
        assert summary(quality)["notes"][0] == "no rows to report on"
        assert summary(regression)["notes"][0] == "no rows to report on"
        assert metric_values(regression) == {}
    else:
        assert metric_values(quality)["RowCount"] == rows
        error = window["prediction"] - window["cnt"]
        assert metric_values(regression)["RMSE"] == pytest.approx(math.sqrt((error**2).mean()))
    json.dumps(summary(quality), allow_nan=False)
    json.dumps(summary(regression), allow_nan=False)


@pytest.mark.parametrize(
    ("name", "values"),
    [("row number", None), ("huge", 1e16 + 2.0 * (np.arange(150) % 2))],
)
def test_a_column_that_cannot_be_drawn_is_judged_and_leaves_the_others(
    reference: pd.DataFrame, current: pd.DataFrame, name: str, values: Any
) -> None:
    # A name that Evidently needs for itself, and a level at which a histogram has no bins.
    roles = ColumnRoles(numerical=("temp", name), timestamp="at")
    before = reference.assign(**{name: reference["hum"]})
    now = current.assign(**{name: current["hum"] if values is None else values})

    snapshot, verdict = draw_drift(before, now, roles, DriftParameters())

    assert verdict["drifted"].notna().all()
    assert re.match(f"{name}: not drawn: .*Error", "".join(summary(snapshot)["notes"]))
    assert [row["column"] for row in summary(snapshot)["drift"]] == ["temp", name]
    assert "Drift in column 'temp'" in safe_html(snapshot, "x.js")


def test_configuration_that_does_not_fit_the_columns_is_an_error_not_a_reason(
    reference: pd.DataFrame, current: pd.DataFrame
) -> None:
    for column, method in (("temperature", "ks"), ("sky", "ks")):
        parameters = DriftParameters.model_validate({"per_column": {column: {"method": method}}})
        with pytest.raises(ConfigurationError, match=column):
            draw_drift(reference, current, ROLES, parameters)
    with pytest.raises(ConfigurationError, match="more than one role for column temp"):
        ColumnRoles(numerical=("temp",), categorical=("temp",))


# --- the bound on rows ---------------------------------------------------------------------


def test_a_large_table_is_sampled_by_seed_and_the_report_says_so(reference: pd.DataFrame) -> None:
    large = table(2000, 3)
    parameters = DriftParameters(maximum_rows=300, seed=4)
    note = "300 of 2,000 rows in current are looked at: a random sample, seed 4"

    snapshot, verdict = draw_drift(reference, large, ROLES, parameters)
    _, other = draw_drift(reference, large, ROLES, DriftParameters(maximum_rows=300, seed=5))
    quality = data_quality_snapshot(large, ROLES, maximum_rows=300, seed=4)
    regression = regression_snapshot(large, ROLES, maximum_rows=300, seed=4)

    assert sample_rows(large, 300, 4)["at"].is_monotonic_increasing
    assert verdict["n_current"].eq(300).all()
    assert not verdict["score"].equals(other["score"])
    assert note in summary(snapshot)["notes"]
    assert note in safe_html(snapshot, "x.js")
    assert note in summary(regression)["notes"]
    assert note.replace(" in current", "") in summary(quality)["notes"]
    assert metric_values(quality)["RowCount"] == 300


def test_a_regression_report_shows_the_right_error_and_the_rmse(
    reference: pd.DataFrame, current: pd.DataFrame
) -> None:
    snapshot = regression_snapshot(current, ROLES, reference=reference, **SIZES)

    error = current["prediction"] - current["cnt"]
    values = metric_values(snapshot)
    assert values["RMSE"] == pytest.approx(math.sqrt((error**2).mean()))
    assert values["MAE.mean"] == pytest.approx(error.abs().mean())
    assert values["MeanError.mean"] == pytest.approx(error.mean())
    before = reference["prediction"] - reference["cnt"]
    shown = headline(snapshot)
    assert shown["Rows"] == "150"
    assert shown["RMSE"] == f"{values['RMSE']:.4g}"
    assert shown["Reference RMSE"] == f"{math.sqrt((before**2).mean()):.4g}"


def test_rows_without_a_label_are_left_out_and_counted(current: pd.DataFrame) -> None:
    labelled = current.assign(cnt=current["cnt"].where(current.index >= 50))

    snapshot = regression_snapshot(labelled, ROLES, **SIZES)
    nothing = regression_snapshot(current.assign(cnt=np.nan), ROLES, **SIZES)

    error = (current["prediction"] - current["cnt"]).iloc[50:]
    assert metric_values(snapshot)["RMSE"] == pytest.approx(math.sqrt((error**2).mean()))
    left_out = "rows in current have no target or no prediction and are left out"
    assert f"50 of 150 {left_out}" in summary(snapshot)["notes"]
    assert summary(nothing)["notes"] == ["no rows to report on", f"150 of 150 {left_out}"]


def test_each_column_has_its_own_picture_which_is_drawn_once(
    current: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evidently.metrics import column_statistics

    draw, drawn = column_statistics.plot_distr_with_perc_button, []
    monkeypatch.setattr(
        column_statistics,
        "plot_distr_with_perc_button",
        lambda **given: drawn.append(1) or draw(**given),
    )

    snapshot = data_quality_snapshot(current, ROLES, **SIZES)

    bars = {
        widget.params["header"]: widget.params["graph"]["data"][0]
        for widget in snapshot.to_snapshot_model().widgets
        if isinstance(widget.params, dict) and "graph" in widget.params
    }
    names = ["temp", "hum", "sky", "cnt", "prediction"]
    assert sorted(bars) == sorted(names)
    assert len(drawn) == len(names)
    for name in names:
        shown, column = bars[name], current[name]
        assert sum(shown["y"]) == len(column)
        if name == "sky":
            assert dict(zip(shown["x"], shown["y"], strict=True)) == dict(column.value_counts())
        else:
            assert column.min() <= min(shown["x"]) <= max(shown["x"]) <= column.max()


@pytest.mark.parametrize(
    "change",
    [
        {"prediction": lambda t: t["cnt"] + 0.1},
        {"cnt": 0.5, "prediction": np.nextafter(9.1, np.arange(150) % 2 * 10)},
        {"cnt": 0.0},
        {"cnt": 0.0, "prediction": 0.0},
        {"cnt": lambda t: t["cnt"] - 80},
        {"cnt": 7.0, "prediction": 9.0},
    ],
    ids=["constant error", "no bins", "zero targets", "all zero", "negative targets", "constants"],
)
def test_degenerate_errors_still_give_the_figures(
    current: pd.DataFrame, change: dict[str, Any]
) -> None:
    odd = current.assign(**change)

    snapshot = regression_snapshot(odd, ROLES, **SIZES)

    error = odd["prediction"] - odd["cnt"]
    rmse = math.sqrt((error**2).mean())
    assert headline(snapshot)["RMSE"] == f"{rmse:.4g}"
    if (odd["cnt"] == 0).all():
        note = "cnt in current is 0 in every row: Evidently gives no figures"
        assert note in summary(snapshot)["notes"]
    elif odd["cnt"].iloc[0] == 0.5:
        assert "not drawn: ValueError: Too many bins" in summary(snapshot)["notes"][0]
    else:
        assert metric_values(snapshot)["RMSE"] == pytest.approx(rmse)
    json.dumps(summary(snapshot), allow_nan=False)
    if (odd["cnt"] < 0).any():
        assert any("disregard MAPE" in note for note in summary(snapshot)["notes"])


def test_a_regression_report_without_a_prediction_says_so(current: pd.DataFrame) -> None:
    snapshot = regression_snapshot(current.drop(columns="prediction"), ROLES, **SIZES)

    assert "prediction: not computed: no such column in current" in summary(snapshot)["notes"]
    with pytest.raises(ValueError, match="'target' and 'prediction'"):
        regression_snapshot(current, ColumnRoles(target="cnt"), **SIZES)


# --- what is kept of a snapshot ------------------------------------------------------------


def test_the_moment_of_a_report_comes_from_the_data_or_the_caller(current: pd.DataFrame) -> None:
    newest = current["at"].max().to_pydatetime()
    end = datetime(2011, 3, 1)
    untimed = ColumnRoles(numerical=("temp",))

    assert summary(data_quality_snapshot(current, ROLES, **SIZES))["timestamp"] == (
        newest.isoformat()
    )
    given = data_quality_snapshot(current, ROLES, timestamp=end, metadata={"window": "w7"}, **SIZES)
    assert summary(given)["timestamp"] == end.isoformat()
    assert summary(given)["metadata"] == {"window": "w7"}
    without = data_quality_snapshot(current, untimed, **SIZES)
    assert summary(without)["timestamp"] == "1970-01-01T00:00:00"
    broken = data_quality_snapshot(current.assign(at="soon"), ROLES, **SIZES)
    assert "at is not a moment in every row" in summary(broken)["notes"][0]


def test_figures_have_stable_names_that_a_tracker_accepts(current: pd.DataFrame) -> None:
    names = ("a<b", "a>b", "über", "x" * 300, "plain name")
    roles = ColumnRoles(numerical=(*names, "empty"), categorical=("sky",))
    frame = current.assign(empty=np.nan)
    frame = frame.assign(**{name: frame["temp"] + i for i, name in enumerate(names)})

    values = metric_values(data_quality_snapshot(frame, roles, **SIZES))

    means = [name for name in values if name.startswith("MeanValue.")]
    assert len(means) == len(names)
    assert "MeanValue.plain name" in means
    # A column keeps its name whichever columns stand beside it.
    only = ColumnRoles(numerical=("a>b",))
    alone = metric_values(data_quality_snapshot(frame, only, **SIZES))
    same = {name: values[name] for name in alone if name.startswith("MeanValue.")}
    assert list(same.values()) == [pytest.approx(frame["a>b"].mean())]
    assert all(re.fullmatch(r"[\w\-. ]{1,250}", name, re.ASCII) for name in values)
    assert values["QuantileValue.plain name.0.25"] < values["QuantileValue.plain name.0.75"]
    assert all(math.isfinite(value) for value in values.values())
    assert not any(name.startswith("UniqueValueCount") for name in values)


def test_a_snapshot_survives_storage_whole(reference: pd.DataFrame, current: pd.DataFrame) -> None:
    snapshot = regression_snapshot(current, ROLES, reference=reference, **SIZES)

    stored = dump_snapshot(snapshot)
    loaded = load_snapshot(stored)

    assert json.loads(gzip.decompress(stored))["evidently_version"] == evidently_version()
    assert loaded.dict() == snapshot.dict()
    assert safe_html(loaded, "x.js") == safe_html(snapshot, "x.js")
    assert summary(loaded) == summary(snapshot)
    assert dump_snapshot(snapshot) == stored


def test_damaged_or_foreign_snapshots_are_refused_in_words(current: pd.DataFrame) -> None:
    stored = dump_snapshot(data_quality_snapshot(current.iloc[:5], ROLES, **SIZES))
    foreign = gzip.compress(b'{"evidently_version": "9.1", "snapshot": {"new": 1}}')

    for damaged in (stored[:-20], b"", b"{}", gzip.compress(b"[]"), gzip.compress(b"{}")):
        with pytest.raises(SnapshotError, match="damaged snapshot"):
            load_snapshot(damaged)
    with pytest.raises(SnapshotError, match=r"written by Evidently 9\.1 .*install evidently==9\.1"):
        load_snapshot(foreign)


# --- pages ---------------------------------------------------------------------------------


class Scripts(HTMLParser):
    """Collects the script elements of a page, and every other tag that a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.tags: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._inside = tag == "script"
        if self._inside:
            self.scripts.append((dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self._inside:
            attributes, text = self.scripts.pop()
            self.scripts.append((attributes, text + data))

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "script"


def hostile_snapshots() -> dict[str, Any]:
    """Reports whose columns, categories, notes and facts are all attacks."""
    roles = ColumnRoles(
        numerical=(ATTACKS[0], ATTACKS[3]),
        categorical=(ATTACKS[1], "sky"),
        target=ATTACKS[2],
        prediction=ATTACKS[4],
        timestamp="at",
    )
    plain = ["temp", "words", "sky", "cnt", "prediction"]
    names = dict(zip(plain, [*ATTACKS[:2], "sky", ATTACKS[2], ATTACKS[4]], strict=True))

    def hostile(rows: int, seed: int) -> pd.DataFrame:
        frame = table(rows, seed)
        frame["words"] = np.random.default_rng(seed).choice(list(ATTACKS), rows)
        frame["sky"] = np.where(frame["sky"] == "rain", ATTACKS[0], frame["sky"])
        return frame.rename(columns=names).assign(**{ATTACKS[3]: list(ATTACKS) * (rows // 6)})

    before, now = hostile(120, 1), hostile(60, 2)
    metadata = {"window": ATTACKS[0]}
    return {
        "drift": draw_drift(before, now, roles, DriftParameters(), metadata=metadata)[0],
        "quality": data_quality_snapshot(now, roles, metadata=metadata, **SIZES),
        "regression": regression_snapshot(now, roles, reference=before, **SIZES),
    }


@pytest.fixture(scope="module")
def hostile() -> dict[str, Any]:
    return hostile_snapshots()


@pytest.mark.parametrize("kind", ["drift", "quality", "regression"])
@pytest.mark.parametrize("library", [None, "../_evidently/x.js"])
def test_no_text_of_the_data_is_markup_in_a_page(
    hostile: dict[str, Any], kind: str, library: str | None
) -> None:
    page = safe_html(hostile[kind], library)

    seen = Scripts()
    seen.feed(page)
    assert set(seen.tags) == {"html", "head", "meta", "title", "body", "div", "script"}
    assert len(seen.scripts) == 4
    for attributes, text in seen.scripts[:2]:
        assert attributes["type"] == "application/json"
        assert not set("<>&") & set(text)
        json.loads(text, parse_constant=pytest.fail)
    drawing, starter = seen.scripts[2:]
    assert drawing[0].get("src") == library
    assert "drawDashboard" in starter[1]
    # The names are there to be read, as data.
    assert any(attack in json.dumps(json.loads(seen.scripts[0][1])) for attack in ATTACKS[:3])
    assert "default-src 'none'" in page
    assert "unsafe-inline" not in page.split("script-src")[1].split(";")[0]


def test_the_library_is_one_script_named_by_its_content() -> None:
    assert b"</script" not in library_code()
    assert re.fullmatch(r"[0-9a-f]{16}\.js", library_name())
    assert len(library_code()) > 1_000_000


def test_a_summary_for_readers_is_short_and_plain_text(hostile: dict[str, Any]) -> None:
    facts = json.loads(json.dumps(summary(hostile["drift"]), allow_nan=False))

    text = summary_markdown(facts)

    assert text.startswith("### Drift\n")
    assert "**Drift in " in text
    assert "| Column | Method | Score | Threshold | Drift |" in text
    assert "<" not in text
    assert "](javascript" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {6}


def test_a_summary_is_bounded() -> None:
    facts = {
        "name": "data_quality",
        "metrics": {},
        "overall": {"Rows": 5.0, "Spread": None},
        "columns": {f"c_{i}": {"MeanValue": float(i)} for i in range(100)},
        "notes": [f"note {i}" for i in range(50)],
    }

    text = summary_markdown(facts, rows=10)

    assert "### Data\\_quality" in text
    assert "| Spread | undefined |" in text
    assert "| c\\_9 |  |  | 9 |  |" in text
    assert "c\\_10" not in text
    assert "and 90 more" in text
    assert "and 40 more notes" in text
