"""Tables in pieces: exact, shared by tables that grow, refused where they were changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regression_lifecycle.core.errors import StateError
from regression_lifecycle.core.reproduction.pieces import cut_into_pieces, hash_of, join_pieces
from tests.reproduction import PROBLEM, training_set


def joined(pieces):
    return join_pieces(pieces, {piece.file_name: content for piece, content in pieces.items()})


def test_a_table_comes_back_exactly():
    table = training_set("2021-03-10").assign(
        label=pd.Series(["a", None, "ö"] * 544, dtype="str"),
        kind=pd.Categorical(["x", "y"] * 816, categories=["y", "x", "z"]),
        huge=np.float64(1) / 3,
        late=pd.Series([pd.NaT] * 1631 + [pd.Timestamp("2021-01-01 00:00:00.000001")]),
    )

    pieces = cut_into_pieces(table, PROBLEM)

    assert [piece.period for piece in pieces] == ["2021-01", "2021-02", "2021-03"]
    assert sum(piece.n_rows for piece in pieces) == len(table)
    pd.testing.assert_frame_equal(joined(pieces), table, check_exact=True)


def test_a_column_that_is_missing_throughout_a_piece_keeps_its_type():
    table = training_set("2021-02-10")
    text = np.where(table["timestamp"] < "2021-02-01", None, "snow").astype(object)

    found = joined(cut_into_pieces(table.assign(note=text), PROBLEM))

    assert list(found["note"].dropna().unique()) == ["snow"]


def test_a_table_that_grew_keeps_its_older_pieces():
    before = cut_into_pieces(training_set("2021-03-10"), PROBLEM)
    after = cut_into_pieces(training_set("2021-04-05"), PROBLEM)

    assert [piece.period for piece in before if piece in after] == ["2021-01", "2021-02"]


def test_a_value_that_was_corrected_changes_its_own_piece_alone():
    table = training_set("2021-03-10")
    corrected = table.assign(cnt=table["cnt"].where(table["timestamp"] != "2021-02-07", 99))

    before, after = (cut_into_pieces(one, PROBLEM) for one in (table, corrected))

    assert [piece.period for piece in after if piece not in before] == ["2021-02"]


def test_rows_that_come_once_a_day_are_cut_by_years():
    problem = PROBLEM.model_copy(update={"frequency": pd.Timedelta("1 day")})
    table = training_set("2021-03-01", start="2020-11-01").iloc[::24]

    assert [piece.period for piece in cut_into_pieces(table, problem)] == ["2020", "2021"]


def test_a_file_is_named_by_the_hash_of_its_bytes():
    pieces = cut_into_pieces(training_set("2021-01-10"), PROBLEM)

    (piece,) = pieces
    assert piece.file_name == f"{hash_of(pieces[piece])}.parquet"
    assert piece.n_bytes == len(pieces[piece])


def test_a_piece_that_was_changed_is_refused_by_name():
    pieces = cut_into_pieces(training_set("2021-02-10"), PROBLEM)
    contents = {piece.file_name: content for piece, content in pieces.items()}
    changed = list(pieces)[1]
    contents[changed.file_name] = contents[changed.file_name][:-1] + b"x"

    with pytest.raises(StateError, match=rf"{changed.file_name} \(rows of 2021-02\) was changed"):
        join_pieces(pieces, contents)
