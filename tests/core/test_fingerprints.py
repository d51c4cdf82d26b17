from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.fingerprints import (
    GroupFingerprints,
    column_hashes,
    combined_fingerprint,
    table_fingerprint,
)


def test_equal_content_has_an_equal_fingerprint_whatever_the_index(observations):
    copy = observations.copy().set_axis(range(100, 196))
    assert table_fingerprint(copy) == table_fingerprint(observations)


def test_storing_a_table_does_not_change_its_fingerprint(observations, tmp_path):
    observations.to_parquet(tmp_path / "table.parquet")
    stored = pd.read_parquet(tmp_path / "table.parquet")
    assert table_fingerprint(stored) == table_fingerprint(observations)


def test_a_missing_number_is_the_same_however_it_was_computed():
    # A difference of infinities gives other bits than a file does.
    computed, stored = np.array([0xFFF8 << 48, 0x7FF8 << 48], dtype="uint64").view("float64")
    tables = [pd.DataFrame({"x": [1.0, value]}) for value in (computed, stored)]

    assert table_fingerprint(tables[0]) == table_fingerprint(tables[1])


def test_groups_that_come_in_pieces_are_hashed_as_tables(observations):
    groups, hashed = np.arange(len(observations)) // 20, GroupFingerprints()
    for piece in (slice(0, 33), slice(33, 34), slice(34, None)):
        hashed.add(observations[piece], groups[piece])

    for group in range(4):
        assert hashed.of(group) == table_fingerprint(observations[groups == group])
    assert hashed.of(99) == table_fingerprint(observations[:0])


def test_hashes_are_those_that_stores_hold():
    """Earlier releases took those of pandas; others would have every window judged again."""
    table = pd.DataFrame(
        {
            "text": pd.Series(["a", "ä", None, "a"], dtype="str"),
            "moment": pd.date_range("2024", periods=4, unit="us"),
            "number": [0.5, None, -0.0, 1e300],
            "whole": pd.array([1, None, 3, 4], dtype="Int64"),
            "flag": [True, False, True, True],
            "mixed": pd.Series(["x", 1, None, 2.5], dtype="object"),
            "label": pd.Categorical(["u", "v", None, "u"]),
            "empty": pd.Series([None] * 4, dtype="str"),
        }
    )

    for name, hashes in column_hashes(table).items():
        expected = pd.util.hash_pandas_object(table[name], index=False).to_numpy()
        assert hashes.tolist() == expected.tolist(), name
    head = json.dumps([(name, str(dtype)) for name, dtype in table.dtypes.items()]).encode()
    rows = pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes()
    assert table_fingerprint(table) == hashlib.sha256(head + rows).hexdigest()[:16]


def test_tables_that_share_columns_are_hashed_as_each_for_itself(observations):
    shared, alone, groups = GroupFingerprints(), GroupFingerprints(), np.arange(96) % 5
    own = observations[["cnt", "temp"]]

    shared.add(own, groups, column_hashes(observations))
    alone.add(own, groups)

    assert [shared.of(group) for group in range(5)] == [alone.of(group) for group in range(5)]
    assert shared.of(3) == table_fingerprint(own[groups == 3])


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.assign(temp=t["temp"].where(t.index != 50, t["temp"] + 1e-9)),
        lambda t: t.assign(sky=t["sky"].where(t.index != 50)),
        lambda t: t.rename(columns={"temp": "temperature"}),
        lambda t: t.astype({"cnt": "float64"}),
        lambda t: t.iloc[::-1],
        lambda t: t.iloc[:-1],
        lambda t: t[[*reversed(t.columns)]],
        lambda t: t.assign(part_a=t["part_b"], part_b=t["part_a"]),
    ],
    ids=["value", "blank", "name", "dtype", "row order", "row", "column order", "swap"],
)
def test_any_change_of_content_changes_the_fingerprint(observations, change):
    assert table_fingerprint(change(observations)) != table_fingerprint(observations)


def test_named_values_are_combined_without_regard_to_their_order():
    assert combined_fingerprint({"a": 1, "b": [2]}) == combined_fingerprint({"b": [2], "a": 1})


@pytest.mark.parametrize("other", [{"a": 2}, {"b": 1}, {"a": 1, "b": None}, {"a": "1"}, {}])
def test_other_names_or_values_combine_to_another_fingerprint(other):
    assert combined_fingerprint(other) != combined_fingerprint({"a": 1})
