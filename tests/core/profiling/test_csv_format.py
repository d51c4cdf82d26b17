"""Encoding and separator of a CSV file, from its first bytes."""

from __future__ import annotations

import pytest

from regression_lifecycle.core.profiling.csv_format import sniff_csv

ROWS = [("day", "price", "note"), ("2024-01-01", "1,5", "a; b"), ("2024-01-02", "2,25", "c")]


@pytest.mark.parametrize(
    ("text", "load_args"),
    [
        ("a,b\n1,2\n3,4\n", {}),
        ("a;b\n1,5;2,5\n3;4,25\n", {"sep": ";"}),
        ("a\tb\n1\t2\n", {"sep": "\t"}),
        ("a|b\n1|2\n", {"sep": "|"}),
        ('name;note\nx;"a; b, c"\ny;"d"\n', {"sep": ";"}),
        ("only\n1\n2\n", {}),
        ("\ufeffa,b\n1,2\n", {}),
    ],
    ids=["comma", "decimal comma", "tab", "bar", "quoted", "one column", "byte order mark"],
)
def test_the_separator_is_the_one_that_cuts_all_lines_alike(text, load_args):
    assert sniff_csv(text.encode()).load_args == load_args


@pytest.mark.parametrize(
    ("encoding", "found"),
    [("utf-8", "utf-8"), ("latin-1", "latin-1"), ("utf-16", "utf-16")],
)
def test_the_encoding_is_found(encoding, found):
    assert sniff_csv("größe,maß\n1,2\n".encode(encoding)).encoding == found


def test_a_euro_sign_in_one_byte_is_of_windows():
    assert sniff_csv(b"price\n\x80 5\n").encoding == "cp1252"


def test_a_character_cut_at_the_end_is_no_other_encoding():
    assert sniff_csv("a,b\n1,größ".encode()[:-1]).encoding == "utf-8"


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(UnicodeError, match="no text"):
        sniff_csv(b"PK\x03\x04\x00\x00\x00")
