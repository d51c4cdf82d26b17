"""What a person gets wrong, and the line that answers it: read the tables like a page of the docs.

Each row tells what was done, to which file, and what is printed; ``...`` stands for the rest of a
list. Every message names its place and the mend, and nothing has been written by then.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from kedro.io import DataCatalog, DatasetError

from regression_lifecycle import settings
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import ConfigurationError, LifecycleError
from regression_lifecycle.core.ingestion.contract import IngestionParameters, enforce_contract
from regression_lifecycle.datasets.raw_csv import RawCSVDataset
from regression_lifecycle.pipeline_registry import register_pipelines
from regression_lifecycle.runtime.config_loader import LifecycleConfigLoader
from regression_lifecycle.runtime.parameter_check import check_configuration
from tests.conftest import ROOT

# conf/shop/parameters.yml, before somebody changes it.
SHOP = """\
problem:
  target: units
  timestamp: {date: day}
  frequency: 1 day
  horizon: 7 days
  columns:
    day: {type: date, known_in_advance: true}
    promotion: {type: category, allowed: [leaflet, none, radio], known_in_advance: true}
    price: {type: float, minimum: 0, known_in_advance: true}
    visitors: {type: integer}
    units: {type: integer, minimum: 0}
"""
WHERE = "(conf/shop/parameters.yml)"

# What is written in the place of what, and what is printed (without the name of the file).
PROBLEM = [
    (
        "a part of the description is derived from it",
        ("1 day", "${derived:block}"),
        "problem.frequency: ${derived:block} follows from the section problem and cannot be a part "
        "of it; write a value",
    ),
    (
        "a key is misspelt",
        ("horizon: 7", "horizn: 7"),
        "problem: unknown key 'horizn'; did you mean 'horizon'? Allowed: caveats, columns, ...",
    ),
    (
        "a duration has no unit",
        ("7 days", "7"),
        "problem.horizon: '7' has no unit; write for example '7 days' or '1 month'",
    ),
    (
        "a unit is misspelt",
        ("7 days", "7 dayz"),
        "problem.horizon: '7 dayz' is not a duration; did you mean '7 days'? ...",
    ),
    (
        "a unit could be two",
        ("1 day", "1m"),
        "problem.frequency: '1m' is not a duration; did you mean '1 minute' or '1 month'? ...",
    ),
    (
        "a duration is below zero",
        ("7 days", "-7 days"),
        "problem.horizon: '-7 days' must be a duration above zero",
    ),
    (
        "the target is no column",
        ("target: units", "target: unit"),
        "problem: target: unknown column 'unit'; did you mean 'units'? Allowed: day, price, ...",
    ),
    (
        "the target is text",
        ("target: units", "target: promotion"),
        "problem: target 'promotion' must be integer, float or boolean",
    ),
    (
        "the time is no column",
        ("date: day", "date: dya"),
        "problem: timestamp.date: unknown column 'dya'; did you mean 'day'? Allowed: ...",
    ),
    (
        "the time is a number",
        ("date: day", "date: price"),
        "problem: timestamp.date: column 'price' must be of type date or datetime",
    ),
    (
        "parts of the time make none",
        ("{date: day}", "{year: visitors, hour: visitors}"),
        "problem.timestamp: year, hour make no time together; possible are: date, date + hour, ...",
    ),
    (
        "the key is no column",
        ("  columns:", "  key: [timestamp, shop]\n  columns:"),
        "problem: key: unknown column 'shop'. Allowed: day, price, promotion, units, visitors",
    ),
    (
        "a list stands where reasons are asked for",
        ("  columns:", "  forbidden_columns: [visitors]\n  columns:"),
        "problem.forbidden_columns: keys and values are needed, not a list",
    ),
    (
        "a type is none",
        ("type: float", "type: double"),
        "problem.columns.price.type: unknown value 'double'. Allowed: boolean, category, date, ...",
    ),
    (
        "a bound is a word",
        ("{type: float, minimum: 0", "{type: float, minimum: cheap"),
        "problem.columns.price.minimum: 'cheap' is no number and no moment; write for example 0.5 "
        "or '2020-01-31'; null for no bound",
    ),
    (
        "bounds are the wrong way round",
        ("{type: float, minimum: 0", "{type: float, minimum: 5, maximum: 1"),
        "problem.columns.price: minimum 5 is above maximum 1",
    ),
    (
        "labels are words that YAML knows",
        ("[leaflet, none, radio]", "[no, yes]"),
        "problem.columns.promotion.allowed: YAML reads this entry as False; put it in quotes as it "
        "stands in the table; null allows all",
    ),
    (
        "a list of allowed values is empty",
        ("[leaflet, none, radio]", "[]"),
        "problem.columns.promotion.allowed: an empty list allows no value at all; leave it out; "
        "null allows all",
    ),
    (
        "one value stands where a list is asked for",
        ("{type: integer}", "{type: integer, allowed: 1}"),
        "problem.columns.visitors.allowed: a list is needed, not 1; write [1]; null allows all",
    ),
    (
        "yes and no are something else",
        ("{type: integer}", "{type: integer, missing: maybe}"),
        "problem.columns.visitors.missing: true or false is needed, not 'maybe'",
    ),
    (
        "dates are described as in a spreadsheet",
        ("{type: date", "{type: date, format: dd.mm.yyyy"),
        "problem.columns.day: 'dd.mm.yyyy' is no format of moments; write for example '%d.%m.%Y', "
        "'%YQ%q', or one of unix s, unix ms, unix us, unix ns, excel",
    ),
    (
        "a date's format has a directive that is none",
        ("{type: date", "{type: date, format: '%d.%m.%L'"),
        "problem.columns.day: '%L' in '%d.%m.%L' is no directive; for example %Y-%m-%d ...",
    ),
    (
        "a quarter has no year",
        ("{type: date", "{type: date, format: 'Q%q'"),
        "problem.columns.day: 'Q%q': %q goes with %Y or %y and no other directive, as in ...",
    ),
    (
        "an example of numbers is ambiguous",
        ("{type: float", "{type: float, format: '1.234'"),
        "problem.columns.price: '1.234' is no format of numbers; allowed: ...",
    ),
    (
        "a time zone is misspelt",
        ("{type: date", "{type: date, zone: Europe/Berln"),
        "problem.columns.day: unknown time zone 'Europe/Berln'; did you mean 'Europe/Berlin'? ...",
    ),
    (
        "a percentage stands for a share",
        ("  columns:", "  quantile: 90\n  columns:"),
        "problem.quantile: 90 is not below 1; write 0.9 for 90 %; null for the middle (mean or "
        "median)",
    ),
]

# What is added to conf/shop/parameters.yml, and what is printed.
SECTIONS = [
    (
        "a section is misspelt",
        "polcy: {}",
        "polcy: unknown section 'polcy'; did you mean 'policy'? Allowed: adjustment, alerts, ...",
    ),
    ("a section is a number", "training: 5", "training: keys and values are needed, not 5"),
    ("a section is empty", "training:", "training: keys and values are needed, not null"),
    (
        "as_of is a word",
        "as_of: yesterday",
        "as_of: 'yesterday' is not a moment; write for example '2012-08-07 12:00'",
    ),
    (
        "a feature is no column",
        "preprocessing: {features: [{kind: columns, names: [prize]}]}",
        "preprocessing.features: feature column 'prize': unknown column 'prize'; did you mean "
        "'price'? Allowed: day, price, promotion, units, visitors",
    ),
    (
        "a feature is known only afterwards",
        "preprocessing: {features: [{kind: columns, names: [visitors]}]}",
        "preprocessing.features: feature column 'visitors': 'visitors' is only known after the "
        "fact; declare 'known_in_advance: true' in problem.columns if it is forecast or calendar, "
        "or use kind 'lag'",
    ),
    (
        "the target is a feature of its own row",
        "preprocessing: {features: [{kind: columns, names: [units]}]}",
        "preprocessing.features: feature column 'units': 'units' is the target; use kind 'lag' "
        "with ages from 7 days on",
    ),
    (
        "a lag is younger than the horizon",
        "preprocessing: {features: [{kind: lag, name: x, column: units, ages: [1 day]}]}",
        "preprocessing.features: feature 'x' reads 'units' 1 day ago, which is not known yet when "
        "predicting 7 days ahead; use ages from 7 days on",
    ),
    (
        "a kind of feature is misspelt",
        "preprocessing: {features: [{kind: calender, parts: [weekday]}]}",
        "preprocessing.features.0: unknown kind 'calender'; did you mean 'calendar'? Allowed: ...",
    ),
    (
        "a key of a feature is misspelt",
        "preprocessing: {features: [{kind: columns, name: [price]}]}",
        "preprocessing.features.0: unknown key 'name' (it goes with kind annual_period, ...); did "
        "you mean 'names'? Allowed: kind, names",
    ),
    (
        "a feature lacks a key",
        "preprocessing: {features: [{kind: lag, name: x, ages: [7 days]}]}",
        "preprocessing.features.0.column: this key is missing",
    ),
    (
        "a part of the calendar is misspelt",
        "preprocessing: {features: [{kind: calendar, parts: [weekdays]}]}",
        "preprocessing.features.0.parts.0: unknown value 'weekdays'; did you mean 'weekday'? ...",
    ),
    (
        "a truth value stands among numbers",
        "preprocessing: {features: [{kind: cyclical, part: hour, period: 24, harmonics: [true]}]}",
        "preprocessing.features.0.harmonics.0: a number is needed, not true",
    ),
    (
        "there is no feature",
        "preprocessing: {features: []}",
        "preprocessing.features: at least 1 entry is needed",
    ),
    (
        "a share has a percent sign",
        "preprocessing: {split: {kind: share, holdout_share: 20 %}}",
        "preprocessing.split.holdout_share: a number is needed, not '20 %'; write 0.2",
    ),
    (
        "a key belongs to another kind",
        'preprocessing: {split: {holdout_start: "2024-09-01"}}',
        "preprocessing.split: unknown key 'holdout_start' (it goes with kind date); did you mean "
        "'holdout_share'? Allowed: ...",
    ),
    (
        "an estimator has no package",
        "training: {model: {estimator: {class: Ridge}}}",
        "training.model: estimator: 'Ridge' is not in an allowed package; write its whole path, "
        "such as sklearn.linear_model.Ridge. Allowed: sklearn.*, ...",
    ),
    (
        "an estimator is in no allowed package",
        "training: {model: {estimator: {class: os.system, params: {command: 'true'}}}}",
        "training.model: estimator: 'os.system' is not in an allowed package. Allowed: sklearn.*, "
        "lightgbm.*, xgboost.*, catboost.*, regression_lifecycle.core.estimators.*",
    ),
    (
        "an estimator is misspelt",
        "training: {model: {estimator: {class: sklearn.ensemble.RandomForestRegresor}}}",
        "training.model: estimator: unknown class 'RandomForestRegresor'; did you mean "
        "'RandomForestRegressor'? Allowed: ...",
    ),
    (
        "an estimator tells classes apart",
        "training: {model: {estimator: {class: sklearn.ensemble.RandomForestClassifier}}}",
        "training.model: estimator: sklearn.ensemble.RandomForestClassifier is not a regressor",
    ),
    (
        "a parameter of an estimator is misspelt",
        "training: {model: {estimator: {class: sklearn.linear_model.Ridge, params: {alpa: 1}}}}",
        "training.model: estimator.params: unknown parameter 'alpa'; did you mean 'alpha'? ...",
    ),
    (
        "a parameter of an estimator is out of range",
        "training: {model: {estimator: {class: sklearn.linear_model.Ridge, params: {alpha: -1}}}}",
        "training.model: estimator: sklearn.linear_model.Ridge: The 'alpha' parameter of Ridge "
        "must be a float in the range [0.0, inf) or an array-like. Got -1 instead.",
    ),
    (
        "a number is a word",
        "training: {compute: {threads: many}}",
        "training.compute.threads: a whole number is needed, not 'many'",
    ),
    (
        "a number is too small",
        "training: {cross_validation: {n_splits: 1}}",
        "training.cross_validation.n_splits: 1 is below 2, the smallest value allowed",
    ),
    (
        "a check of the gate is of no metric",
        "evaluation: {gate: {checks: {rmsee: {maximum: 1}}}}",
        "evaluation.gate.checks.rmsee: unknown metric 'rmsee'; did you mean 'rmse'? Allowed: ...",
    ),
    (
        "a check of the gate has no limit",
        "evaluation: {gate: {checks: {mae: {}}}}",
        "evaluation.gate.checks.mae: a check needs a minimum or a maximum",
    ),
    (
        "a check of the gate can never pass",
        "evaluation: {gate: {checks: {r2: {minimum: 0.9, maximum: 0.5}}}}",
        "evaluation.gate.checks.r2: the minimum is above the maximum, so this can never pass",
    ),
    (
        "a key three levels down is misspelt",
        "evaluation: {gate: {comparison: {confidense: 0.9}}}",
        "evaluation.gate.comparison: unknown key 'confidense'; did you mean 'confidence'? ...",
    ),
    (
        "the gate shall compare by MAPE",
        "evaluation: {gate: {comparison: {metric: mape}}}",
        "evaluation.gate.comparison.metric: unknown value 'mape'; did you mean 'mae'? Allowed: ...",
    ),
    (
        "a segment is no column",
        "evaluation: {segments: [promotoin]}",
        "evaluation.segments: unknown column 'promotoin'; did you mean 'promotion'? Allowed: ...",
    ),
    (
        "the baseline would know the future",
        "evaluation: {baseline: {season: 1 day}}",
        "evaluation.baseline.season: 1 day is shorter than problem.horizon, 7 days, so those "
        "values are not known yet",
    ),
    (
        "a period is none",
        "windows: {kind: period, period: fortnight}",
        "windows.period: unknown value 'fortnight'. Allowed: day, month, quarter, week, year",
    ),
    (
        "a kind of rule is misspelt",
        "policy: {rules: {bias: {kind: baas}}}",
        "policy.rules.bias: unknown kind 'baas'; did you mean 'bias'? Allowed: ...",
    ),
    (
        "a rule has no kind",
        "policy: {rules: {level: {maximum: 0.1}}}",
        "policy.rules.level: 'kind' is missing; allowed: performance, bias, coverage, schedule, "
        "drift, data_quality, skew",
    ),
    (
        "a rule that is not there is removed",
        "policy: {rules: {driftt: null}}",
        "policy.rules.driftt: null removes nothing: unknown name 'driftt'; did you mean 'drift'? "
        "...",
    ),
    (
        "a rule does what none can do",
        "policy: {rules: {drift: {action: shout}}}",
        "policy.rules.drift.action: unknown value 'shout'. Allowed: alert, retrain",
    ),
    (
        "a rule can never fire",
        "policy: {rules: {performance: {violations: 4, of: 3}}}",
        "policy.rules.performance: violations 4 of 3 windows can never be met",
    ),
    (
        "a column of drift is none",
        "drift: {columns: [prize]}",
        "drift.columns: unknown column 'prize'; did you mean 'price'? Allowed: ...",
    ),
    (
        "the column that drift is given is none",
        "drift: {given: prize}",
        "drift.given: unknown column 'prize'; did you mean 'price'? Allowed: ...",
    ),
    (
        "a length of training has no unit",
        "retraining: {training_length: 365}",
        "retraining.training_length: '365' has no unit; write for example '7 days' or '1 month'; "
        "null trains on everything (expanding)",
    ),
    (
        "a backtest ends before it begins",
        'backtest: {start: "2025-01-01", end: "2024-01-01"}',
        "backtest: end must lie after start",
    ),
    (
        "a channel of alerts is misspelt",
        "alerts: {channels: [{kind: emial}]}",
        "alerts.channels.0: unknown kind 'emial'; did you mean 'email'? Allowed: ...",
    ),
    (
        "an old word is used",
        "monitoring: {missing_predictions: simulate}",
        "monitoring.missing_predictions: unknown value 'simulate'. Allowed: backfill, ignore",
    ),
    (
        "a section that no pipeline reads has a wrong value",
        "serving: {port: 99999}",
        "serving.port: 99999 is above 65535, the largest value allowed",
    ),
    (
        "a derived value is misspelt",
        "evaluation: {gate: {minimum_rows: '${derived:gate_row}'}}",
        "evaluation.gate.minimum_rows: unknown derived value 'gate_row'; did you mean "
        "'gate_rows'? Allowed: ...",
    ),
    (
        "a global value is misspelt",
        "dashboard: {title: '${globals:problem_nam}'}",
        "dashboard.title: unknown name in globals.yml 'problem_nam'; did you mean 'problem_name'? "
        "...",
    ),
]

# Another file under conf/shop, what is written there, and what is printed.
FILES = [
    (
        "a file's name is misspelt",
        ("parmeters.yml", "policy: {}"),
        "conf/shop/parmeters.yml: unknown file 'parmeters.yml'; did you mean 'parameters.yml'? ...",
    ),
    (
        "a brace is not closed",
        ("parameters_more.yml", "policy: {rules: {drift: null}"),
        "conf/shop/parameters_more.yml, line 2: did not find expected ',' or '}'",
    ),
    (
        "a line is indented by a tab",
        ("parameters_more.yml", "policy:\n\trules: {}"),
        "conf/shop/parameters_more.yml, line 2: ... that cannot start any token; indent by "
        "blanks in place of tabs",
    ),
    (
        "a section stands twice",
        ("parameters_more.yml", "policy: {}\npolicy: {}"),
        "conf/shop/parameters_more.yml, line 2: found duplicate key policy; leave one of the two "
        "out",
    ),
    (
        "a global name is misspelt",
        ("globals.yml", "raw_tabel: shop.csv"),
        "raw_tabel: unknown name 'raw_tabel'; did you mean 'raw_table'? Allowed: ... "
        "(conf/shop/globals.yml)",
    ),
    (
        "an entry of the catalog is misspelt",
        ("catalog.yml", "raw_observation: {type: pandas.CSVDataset, filepath: x.csv}"),
        "raw_observation: unknown catalog entry 'raw_observation'; did you mean "
        "'raw_observations'? Allowed: ... (conf/shop/catalog.yml)",
    ),
    (
        "an argument of the reader is misspelt",
        ("globals.yml", "raw_load_args: {encodng: latin-1}"),
        "raw_load_args: unknown key 'encodng'; did you mean 'encoding'? Allowed: ...",
    ),
    (
        "the reader shall decide what a value means",
        ("globals.yml", 'raw_load_args: {decimal: ","}'),
        "raw_load_args: 'decimal' would change values while they are read; declare 'format' of the "
        "column in problem.columns instead",
    ),
]

# data/01_raw/shop.csv, before somebody changes it: thirty days.
DAYS = "day,promotion,price,visitors,units\n" + "".join(
    f"2024-01-{day:02d},{'radio' if day % 2 else 'none'},4.{day:02d},{700 + day},{200 + day}\n"
    for day in range(1, 31)
)
FOLLOWS = ". Correct the file, or set ingestion.unreadable to quarantine. Nothing was written"
TOO_MANY = (
    "raw table: 1 of 30 rows (3.3%) break the contract, more than "
    "ingestion.maximum_rejected_share = 1.0%: {}. Nothing of it was written"
)

# What is written in the place of what (None: of everything), and what is printed.
DATA = [
    (
        "a column is called otherwise",
        ("price", "prize"),
        "missing columns: price (is it 'prize'?). The file has: day, promotion, prize, visitors, "
        "units. Correct the file, or problem.columns",
    ),
    (
        "a column is written in capitals",
        ("visitors", "VISITORS"),
        "missing columns: visitors (is it 'VISITORS'?). The file has: ...",
    ),
    (
        "a column is not there",
        ("visitors,", "doors,"),
        "missing columns: visitors. The file has: day, promotion, price, doors, units. Correct "
        "the file, or problem.columns",
    ),
    (
        "a name stands twice in the first line",
        ("visitors", "price"),
        "columns that stand twice in the first line of shop.csv: price",
    ),
    (
        "there is no first line",
        ("day,promotion,price,visitors,units\n", ""),
        "missing columns: day, promotion, price, visitors, units. The file has: 2024-01-01, "
        "radio, 4.01, 701, 201. Its first line should name the columns. ...",
    ),
    (
        "the file is empty",
        (None, ""),
        "shop.csv is empty; it needs a first line with the names of the columns",
    ),
    (
        "the file has no rows",
        (None, "day,promotion,price,visitors,units\n"),
        "the table has no rows; nothing was changed",
    ),
    (
        "semicolons separate the columns",
        (None, DAYS.replace(",", ";")),
        "the columns of shop.csv are separated by ';'; say so in globals.yml, by raw_load_args: "
        '{sep: ";"}',
    ),
    (
        "it is an Excel file",
        (None, b"PK\x03\x04\x14\x00\x06\x00"),
        "shop.csv is an Excel or zip file; save it as CSV or Parquet",
    ),
    (
        "it is written in UTF-16",
        (None, DAYS.encode("utf-16")),
        "shop.csv cannot be read as a CSV file (...); say how it is written by raw_load_args in "
        "globals.yml, such as {encoding: utf-16}, or save it anew",
    ),
    (
        "it is written in Latin-1",
        (None, DAYS.replace("radio", "Rückseite").encode("latin-1")),
        "shop.csv cannot be read as a CSV file (...); say how it is written by raw_load_args in "
        "globals.yml, such as {encoding: latin-1}, or save it anew",
    ),
    (
        "a row has a value too many",
        ("707,207", "707,207,1"),
        "shop.csv cannot be read as a CSV file (...Expected 5 fields in line 8, saw 6); say ...",
    ),
    (
        "text stands in a number",
        ("4.03", "cheap"),
        "values that cannot be read: price is not a number in 1 row, first in row 3: 'cheap'"
        + FOLLOWS,
    ),
    (
        "numbers have a currency",
        ("4.03", "$4.03"),
        "values that cannot be read: price is not a number; say by 'format' how numbers are "
        "written, for example '1.234,5', '12 %' or '12 €' in 1 row, first in row 3: '$4.03'"
        + FOLLOWS,
    ),
    (
        "numbers have a decimal comma",
        ("4.03", '"4,03"'),
        "values that cannot be read: price is not a number; say by 'format' how numbers are "
        "written, for example '1.234,5', '12 %' or '12 €' in 1 row, first in row 3: '4,03'"
        + FOLLOWS,
    ),
    (
        "a date is written otherwise",
        ("2024-01-07", "07.01.2024"),
        "values that cannot be read: day is not a date; say by 'format' how it is written, for "
        "example '%d.%m.%Y', '%YQ%q' or 'unix s' in 1 row, first in row 7: '07.01.2024'" + FOLLOWS,
    ),
    (
        "there is no such day",
        ("2024-01-07", "2024-02-30"),
        "values that cannot be read: day is not a date in 1 row, first in row 7: '2024-02-30'"
        + FOLLOWS,
    ),
    (
        "a date is centuries ahead",
        ("2024-01-07", "2203-01-07"),
        TOO_MANY.format(
            "timestamp is more than 1 year, or a tenth of the table's length, away from all other "
            "rows; correct it, or set maximum_gap to null (1 row, first in row 7: "
            "'2203-01-07 00:00:00')"
        ),
    ),
    (
        "a date has a time zone",
        ("2024-01-07", "2024-01-07T00:00+01:00"),
        TOO_MANY.format(
            "day has a time zone; write local times without one, or declare 'zone' for the column "
            "(1 row, first in row 7: '2024-01-07T00:00+01:00')"
        ),
    ),
    ("a date is missing", ("2024-01-07", ""), TOO_MANY.format("day is missing (1 row, ...)")),
    (
        "a day stands twice",
        ("2024-01-07", "2024-01-06"),
        TOO_MANY.format(
            "the key (timestamp) stands in an earlier row already, with other values (1 row, ...)"
        ),
    ),
    (
        "a number is negative where none may be",
        ("707,207", "707,-207"),
        TOO_MANY.format("units is below 0 (1 row, first in row 7: '-207')"),
    ),
    (
        "a count is not whole",
        ("707,207", "707,207.5"),
        TOO_MANY.format("units is not a whole number (1 row, first in row 7: '207.5')"),
    ),
    (
        "a number has lost its bounds",
        ("4.03", "1e400"),
        TOO_MANY.format("price is infinite (1 row, first in row 3: '1e400')"),
    ),
    (
        "a number has too many digits",
        ("703", "99999999999999999999"),
        TOO_MANY.format("visitors has more digits than a whole number can have (1 row, ...)"),
    ),
    (
        "a row ends too early",
        ("707,207", "707"),
        TOO_MANY.format(
            "units is missing (1 row, first in row 7); if targets come later than their rows, "
            "say missing: true of units"
        ),
    ),
    (
        "a label is misspelt",
        ("none,4.02", "nnoe,4.02"),
        TOO_MANY.format(
            "promotion is not one of leaflet, none, radio (1 row, first in row 2: 'nnoe')"
        ),
    ),
    (
        "all targets are missing",
        (None, re.sub(r",\d+\n", ",\n", DAYS)),
        "raw table: 30 of 30 rows (100.0%) break the contract, ...: units is missing (30 rows, "
        "first in row 1); if targets come later than their rows, say missing: true of units. "
        "Nothing of it was written",
    ),
]


def fits(said: str, message: str) -> bool:
    """Whether a text is the message, in which ``...`` stands for anything."""
    pattern = ".*".join(map(re.escape, message.split("...")))
    return re.fullmatch(pattern, said, re.S) is not None


def words_of(error: BaseException) -> str:
    """What the command line prints: a dataset's own words without those of Kedro before them."""
    while not isinstance(error, LifecycleError) and error.__cause__ is not None:
        error = error.__cause__
    return str(error)


def rows(table: list) -> list:
    return [pytest.param(*row[1:], id=row[0]) for row in table]


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mistakes") / "conf"
    shutil.copytree(ROOT / "conf", folder, ignore=shutil.ignore_patterns("local"))
    return folder


@pytest.fixture(scope="module")
def said(conf: Path) -> Callable[..., list[str]]:
    """What is printed of a configuration, line by line, whatever pipelines are to run."""
    pipelines = dict(register_pipelines())

    def check(problem: str, **files: str) -> list[str]:
        shutil.rmtree(conf / "shop", ignore_errors=True)
        (conf / "shop").mkdir()
        for name, text in {"parameters": problem, **files}.items():
            (conf / "shop" / f"{name}.yml").write_text(text, encoding="utf-8")
        try:
            loader = LifecycleConfigLoader(str(conf), env="shop", **settings.CONFIG_LOADER_ARGS)
            check_configuration(loader, (), pipelines)
            entry = loader["catalog"]["raw_observations"]
            DataCatalog.from_config({"raw_observations": entry}).get("raw_observations")
        except (ConfigurationError, DatasetError) as error:
            return [line.strip() for line in words_of(error).split("\n")]
        return []

    return check


def test_the_shop_is_in_order(said: Callable[..., list[str]], tmp_path: Path) -> None:
    assert said(SHOP) == []
    assert len(contracted(tmp_path, DAYS)) == 30
    # Nothing asks for an order of the rows.
    head, *days = DAYS.splitlines(keepends=True)
    assert contracted(tmp_path, head + "".join(days[::-1]))["units"].is_monotonic_increasing


@pytest.mark.parametrize(("change", "message"), rows(PROBLEM))
def test_mistakes_in_the_description_of_a_table(
    said: Callable[..., list[str]], change: tuple[str, str], message: str
) -> None:
    assert SHOP.count(change[0]) == 1

    (line,) = said(SHOP.replace(*change))

    assert fits(line, f"{message} {WHERE}"), line


@pytest.mark.parametrize(("added", "message"), rows(SECTIONS))
def test_mistakes_in_what_is_overridden(
    said: Callable[..., list[str]], added: str, message: str
) -> None:
    (line,) = said(f"{SHOP}\n{added}\n")

    assert fits(line, f"{message} {WHERE}"), line


@pytest.mark.parametrize(("file", "message"), rows(FILES))
def test_mistakes_in_other_files(
    said: Callable[..., list[str]], file: tuple[str, str], message: str
) -> None:
    name, text = file

    line = said(SHOP, **{name.removesuffix(".yml"): text})[-1]

    assert fits(line, message), line


def contracted(folder: Path, content: str | bytes):
    path = folder / "shop.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    problem = Problem.model_validate({"name": "shop", **yaml.safe_load(SHOP)["problem"]})
    parameters = IngestionParameters.model_validate({"maximum_gap": "1 year"})
    table = RawCSVDataset(filepath=path.as_posix()).load()
    return enforce_contract(table, problem, parameters).observations


@pytest.mark.parametrize(("change", "message"), rows(DATA))
def test_mistakes_in_the_data(
    tmp_path: Path, change: tuple[str | None, str | bytes], message: str
) -> None:
    old, new = change

    with pytest.raises((LifecycleError, DatasetError)) as caught:
        contracted(tmp_path, new if old is None else DAYS.replace(old, str(new), 1))

    assert fits(words_of(caught.value), message), caught.value


def test_every_mistake_is_told_once() -> None:
    tables = [PROBLEM, SECTIONS, FILES, DATA]
    names = [row[0] for table in tables for row in table]

    assert len(names) == len(set(names)) > 100
