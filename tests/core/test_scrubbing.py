"""What leaves has no secret in it, and is otherwise as it was."""

from __future__ import annotations

import pytest

from regression_lifecycle.core import scrubbing
from regression_lifecycle.core.scrubbing import (
    has_address_with_password,
    remember_credentials,
    scrub,
)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("GET http://lucy:topsecret@host:5000/api failed", "GET http://***@host:5000/api failed"),
        ("postgresql+psycopg://u:p/w@rd@host:5432/db", "postgresql+psycopg://***@host:5432/db"),
        ("git at https://ghp_0123@github.com/x/y.git", "git at https://***@github.com/x/y.git"),
        ("s3://b/x?X-Amz-Signature=abc&b=1", "s3://b/x?X-Amz-Signature=***&b=1"),
        ("host=h password=abc dbname=x", "host=h password=*** dbname=x"),
        ("{'token': 'abc', 'x': 1}", "{'token': ***, 'x': 1}"),
        ("Authorization: Bearer abcdef123", "Authorization: Bearer ***"),
    ],
)
def test_a_secret_is_taken_out_where_its_place_shows_that_it_is_one(text: str, left: str) -> None:
    assert scrub(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "metric: rmse, key=day, 3 tokens",
        "s3://bucket/data/01_raw/hour.csv",
        "https://host:5000/#/experiments/1",
        "write to ops@example.org",
        "send the token of the service as 'Authorization: Bearer <token>'",
    ],
)
def test_a_text_without_secrets_stays_as_it_is(text: str) -> None:
    assert scrub(text) == text


def test_values_of_variables_that_are_named_like_secrets_are_known_everywhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIFECYCLE_SERVE_TOKEN", "tok/en-123")
    monkeypatch.setenv("LIFECYCLE_STORE_URL", "postgresql+psycopg://u:hidden77@h/db")
    monkeypatch.setenv("SOME_PLACE", "somewhere")
    monkeypatch.setenv("PWD", "/home/me/project")
    monkeypatch.setenv("A_PASSWORD", "short")

    told = scrub("tok/en-123 tok%2Fen-123 hidden77 somewhere short /home/me/project")

    assert told == "*** *** *** somewhere short /home/me/project"


def test_values_of_credentials_are_known_once_they_were_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scrubbing, "_REMEMBERED", set())

    remember_credentials({"dev_s3": {"secret": "abcdefgh", "client_kwargs": {"region": "central"}}})

    assert scrub("abcdefgh in central") == "*** in central"


def test_what_the_caller_knows_is_taken_out_whatever_its_length() -> None:
    assert scrub("FATAL: no such user 'bo'", ["bo", ""]) == "FATAL: no such user '***'"


def test_a_hostile_text_costs_no_time() -> None:
    assert scrub("://" * 20_000) == "://" * 20_000


def test_an_address_with_a_password_is_told_from_one_with_a_user() -> None:
    assert has_address_with_password("see http://a:b@c/")
    assert not has_address_with_password("see ssh://git@c/ and http://h:80/x")
