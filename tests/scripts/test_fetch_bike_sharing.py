"""The rebuild of the example data: its conversions on small frames, and the file it made."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
RAW = ROOT / "data" / "01_raw"


def _load_script() -> ModuleType:
    path = ROOT / "scripts" / "fetch_bike_sharing.py"
    spec = importlib.util.spec_from_file_location("fetch_bike_sharing", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its module up by name while it is being defined.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


script = _load_script()


@pytest.fixture
def labelled() -> pd.DataFrame:
    """Four hours as the first wheel words them, out of order, two weathers and a weekday blank."""
    return pd.DataFrame(
        {
            "dteday": ["2012-07-04", "2011-01-01", "2011-01-01", "2011-01-01"],
            "season": ["fall", "spring", "spring", "spring"],
            "hr": ["11pm", "12pm", "12am", "1am"],
            "holiday": ["Yes", "No", "No", "No"],
            "weekday": ["Wed", "Sat", None, "Sat"],
            "workingday": ["No", "No", "No", "No"],
            "weathersit": [None, "Mist", "Clear", None],
            "temp": [33.36, 11.74, 3.28, 2.3399999999999994],
            "atemp": [34.9982, 11.9972, 3.0014000000000003, 1.9981999999999998],
            "hum": [45.0, 77.0, 81.0, 80.0],
            "windspeed": [8.9981, 19.0012, 0.0, 0.0],
            "casual": [60, 3, 3, 8],
            "registered": [190, 2, 13, 32],
            "cnt": [250, 5, 16, 40],
        }
    )


@pytest.fixture
def hours_of_2011() -> pd.DataFrame:
    """The three hours of 2011 as the second wheel words them, in an order of their own."""
    return pd.DataFrame(
        {
            "day": [1, 1, 1],
            "hr": [12, 1, 0],
            "weathersit": ["cloudy/misty", "light rain/snow", "clear"],
            "bikers": [5, 40, 16],
        }
    )


def test_words_and_units_become_ucis_codes_and_grid_in_order_of_time(
    labelled: pd.DataFrame,
) -> None:
    table = script.to_uci_table(labelled)

    assert script.to_csv_bytes(table).decode().splitlines() == [
        "instant,dteday,season,yr,mnth,hr,holiday,weekday,workingday,weathersit,"
        "temp,atemp,hum,windspeed,casual,registered,cnt",
        "1,2011-01-01,1,0,1,0,0,6,0,1,0.24,0.2879,0.81,0,3,13,16",
        "2,2011-01-01,1,0,1,1,0,6,0,,0.22,0.2727,0.8,0,8,32,40",
        "3,2011-01-01,1,0,1,12,0,6,0,2,0.42,0.4242,0.77,0.2836,3,2,5",
        "4,2012-07-04,3,1,7,23,1,3,0,,0.88,0.7727,0.45,0.1343,60,190,250",
    ]


def test_conversion_leaves_its_input_alone(
    labelled: pd.DataFrame, hours_of_2011: pd.DataFrame
) -> None:
    labelled_before, hours_before = labelled.copy(), hours_of_2011.copy()
    table = script.to_uci_table(labelled)
    table_before = table.copy()

    script.complete_weathersit(table, hours_of_2011)

    pd.testing.assert_frame_equal(labelled, labelled_before)
    pd.testing.assert_frame_equal(hours_of_2011, hours_before)
    pd.testing.assert_frame_equal(table, table_before)


def test_every_hour_of_the_day_has_its_label() -> None:
    assert script.HOUR_CODES["12am"] == 0
    assert script.HOUR_CODES["11am"] == 11
    assert script.HOUR_CODES["12pm"] == 12
    assert script.HOUR_CODES["11pm"] == 23
    assert sorted(script.HOUR_CODES.values()) == list(range(24))


def test_unknown_label_is_refused_by_name(labelled: pd.DataFrame) -> None:
    labelled.loc[0, "season"] = "monsoon"
    with pytest.raises(script.FetchError, match=r"'season'.*monsoon"):
        script.to_uci_table(labelled)


def test_weekday_that_contradicts_its_date_is_refused(labelled: pd.DataFrame) -> None:
    labelled.loc[0, "weekday"] = "Sun"
    with pytest.raises(script.FetchError, match=r"1 rows, first on 2012-07-04"):
        script.to_uci_table(labelled)


def test_weather_of_2011_is_completed_by_hour_and_2012_stays_blank(
    labelled: pd.DataFrame, hours_of_2011: pd.DataFrame
) -> None:
    table = script.complete_weathersit(script.to_uci_table(labelled), hours_of_2011)

    assert table["weathersit"].to_list() == [1, 3, 2, pd.NA]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("bikers", 6, "disagree in 1 hours of 2011, first on 2011-01-01 hour 12"),
        ("weathersit", "clear", "disagree in 1 hours of 2011, first on 2011-01-01 hour 12"),
        ("hr", 13, "do not hold the same hours"),
    ],
)
def test_completion_refuses_tables_that_disagree(
    labelled: pd.DataFrame,
    hours_of_2011: pd.DataFrame,
    column: str,
    value: object,
    message: str,
) -> None:
    hours_of_2011.loc[0, column] = value
    with pytest.raises(script.FetchError, match=message):
        script.complete_weathersit(script.to_uci_table(labelled), hours_of_2011)


def test_completion_refuses_a_year_that_is_not_whole(
    labelled: pd.DataFrame, hours_of_2011: pd.DataFrame
) -> None:
    with pytest.raises(script.FetchError, match="do not hold the same hours"):
        script.complete_weathersit(script.to_uci_table(labelled), hours_of_2011.iloc[1:])


def test_check_accepts_blank_weather_alone(labelled: pd.DataFrame) -> None:
    script.check_table(script.to_uci_table(labelled), rows=4, cnt_sum=311)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("cnt", 251, "sum of cnt 312 instead of 311; casual"),
        ("casual", 61, "casual [+] registered is not cnt"),
        ("hum", None, "blank fields in .'hum'"),
    ],
)
def test_check_refuses_a_changed_value(
    labelled: pd.DataFrame, column: str, value: object, message: str
) -> None:
    labelled.loc[0, column] = value
    with pytest.raises(script.FetchError, match=message):
        script.check_table(script.to_uci_table(labelled), rows=4, cnt_sum=311)


def test_check_refuses_a_repeated_hour(labelled: pd.DataFrame) -> None:
    table = script.to_uci_table(pd.concat([labelled, labelled.iloc[[0]]], ignore_index=True))
    with pytest.raises(script.FetchError, match=r"5 rows instead of 4.*an hour occurs twice"):
        script.check_table(table, rows=4, cnt_sum=561)


def test_wheel_is_read_only_when_its_digest_is_right(tmp_path: Path) -> None:
    path = tmp_path / "some.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inside/table.csv", "a,b\n1,\n")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    right = script.Wheel("some", "1.0", digest, "inside/table.csv")
    assert script.read_member(path, right)["a"].to_list() == [1]

    wrong = script.Wheel("some", "1.0", "0" * 64, "inside/table.csv")
    with pytest.raises(script.FetchError, match=r"some\.whl: SHA-256"):
        script.read_member(path, wrong)


def _refuse_to_build() -> bytes:
    raise script.FetchError("no network")


def _as_uci_has_it(content: bytes) -> bytes:
    """Write code 1 into every blank field; only ``weathersit`` has any."""
    return content.replace(b",,", b",1,")


@pytest.mark.parametrize("original", [False, True], ids=["rebuilt", "original"])
def test_a_good_file_is_left_alone_without_a_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, original: bool
) -> None:
    monkeypatch.setattr(script, "build", _refuse_to_build)
    content = (RAW / "hour.csv").read_bytes()
    target = tmp_path / "hour.csv"
    target.write_bytes(_as_uci_has_it(content) if original else content)

    assert script.main(["--output", str(target)]) == 0


def test_other_data_is_replaced_only_when_forced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "build", lambda: b"rebuilt")
    target = tmp_path / "hour.csv"
    target.write_bytes(b"mine")

    assert script.main(["--output", str(target)]) == 1
    assert "--force" in capsys.readouterr().err
    assert target.read_bytes() == b"mine"

    assert script.main(["--output", str(target), "--force"]) == 0
    assert target.read_bytes() == b"rebuilt"


def test_a_failed_rebuild_leaves_the_folder_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "build", _refuse_to_build)

    assert script.main(["--output", str(tmp_path / "hour.csv")]) == 1
    assert capsys.readouterr().err == "error: no network\n"
    assert list(tmp_path.iterdir()) == []


def test_a_failed_rename_leaves_the_old_file_and_no_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Path, target: Path) -> Path:
        raise OSError("disk full")

    target = tmp_path / "hour.csv"
    target.write_bytes(b"old")
    monkeypatch.setattr(Path, "replace", fail)

    with pytest.raises(OSError, match="disk full"):
        script.write_atomically(b"new", target)
    assert [path.name for path in tmp_path.iterdir()] == ["hour.csv"]
    assert target.read_bytes() == b"old"


def _card_value(name: str) -> str:
    card = (RAW / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^\| {re.escape(name)} \| `?([0-9a-f,]+)", card, re.MULTILINE)
    assert found, f"the data card has no row {name!r}"
    return found.group(1).strip(",")


def test_committed_file_is_the_one_that_the_card_and_the_script_describe() -> None:
    content = (RAW / "hour.csv").read_bytes()
    table = pd.read_csv(RAW / "hour.csv")

    assert hashlib.sha256(content).hexdigest() == _card_value("SHA-256") == script.EXPECTED_SHA256
    assert f"{len(table):,}" == _card_value("Rows")
    assert f"{table['cnt'].sum():,}" == _card_value("Sum of `cnt`")
    assert f"{table['weathersit'].isna().sum():,}" == _card_value("Blank `weathersit`")
    script.check_table(table, rows=script.EXPECTED_ROWS, cnt_sum=script.EXPECTED_CNT_SUM)


def test_committed_file_differs_from_ucis_own_in_blank_weather_alone() -> None:
    content = (RAW / "hour.csv").read_bytes()

    assert hashlib.sha256(_as_uci_has_it(content)).hexdigest() == script.UCI_SHA256


def test_card_lists_exactly_the_missing_hours() -> None:
    card = (RAW / "README.md").read_text(encoding="utf-8")
    listed = set()
    for month, days in re.findall(r"^\| (\d{4}-\d\d) \| (.+) \|$", card, re.MULTILINE):
        for entry in days.split("; "):
            day, hours = entry.split(": ")
            for span in hours.split(", "):
                first, _, last = span.partition("-")
                listed |= {
                    pd.Timestamp(f"{month}-{day}") + pd.Timedelta(hours=hour)
                    for hour in range(int(first), int(last or first) + 1)
                }

    table = pd.read_csv(RAW / "hour.csv")
    present = pd.to_datetime(table["dteday"]) + pd.to_timedelta(table["hr"], unit="h")
    calendar = pd.date_range(present.iloc[0], present.iloc[-1], freq="h")
    assert listed == set(calendar) - set(present)
