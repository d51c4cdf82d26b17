"""The description as YAML: what is read is what was proposed, whatever the columns are called."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from regression_lifecycle.core.profiling.description import describe
from regression_lifecycle.core.profiling.profile import profile_table
from regression_lifecycle.core.profiling.proposal import propose_parameters

STRANGE = [
    "no", "on", "null", "~", "1", "2.5", "0x1F", "1e3", "2024-01-01", "1:30", " blank ",
    "größe 名", "it's", 'say "x"', "a: b", "#c", "${x}", "a.b", "{}", "[x]", "- d", "*e", "&f",
    "%g", "@h", "!i", "true", "<<", "=", "tab\there", "back\\slash", "`j`", "?", "007",
]  # fmt: skip


def frame(**columns) -> pd.DataFrame:
    n = 400
    random = np.random.default_rng(0)
    day = pd.date_range("2020-01-01", periods=n).strftime("%Y-%m-%d")
    return pd.DataFrame(
        {"day": day, **columns, "y": random.normal(size=n).round(3).astype(str)}
    ).astype("str")


def read(text: str):
    return OmegaConf.to_container(OmegaConf.load(io.StringIO(text)), resolve=True)


def test_any_name_of_a_column_is_read_as_it_is():
    random = np.random.default_rng(1)
    profile = profile_table(
        frame(**{name: random.normal(size=400).round(3) for name in STRANGE}), "y"
    )
    text = describe(profile)

    assert read(text) == propose_parameters(profile)
    assert set(STRANGE) <= set(read(text)["problem"]["columns"])


def test_any_label_is_read_as_it_is():
    labels = {f"k{n}": [text, "other", "third"] * 133 + ["other"] for n, text in enumerate(STRANGE)}
    profile = profile_table(frame(**labels), "y")

    assert read(describe(profile)) == propose_parameters(profile)


@pytest.mark.parametrize("name", ["no", "1e3", "${x}", 'say "x"', "a.b"])
def test_a_target_of_any_name_and_its_copy_are_read_as_they_are(name):
    table = frame().rename(columns={"y": name})
    found = read(describe(profile_table(table.assign(copy=table[name]), name)))["problem"]

    assert found["target"] == name
    assert list(found["forbidden_columns"]) == ["copy"]


def test_it_is_commented_complete_and_short():
    table = frame(
        city=[f"c{k % 150}" for k in range(400)],
        empty="",
        x=np.random.default_rng(1).normal(size=400).round(3),
    )
    profile = profile_table(table.assign(copy=table["y"]).head(120), "y")
    lines = describe(profile).splitlines()
    columns = {f"    {name}:" for name in profile.columns}
    counted = [
        line
        for line in lines
        if line.strip()
        and not line.lstrip().startswith("#")
        and not line.startswith(tuple(columns))
    ]

    assert len(counted) <= 20
    assert any(line.startswith("    # empty: left out") for line in lines)
    assert "  horizon: 7 days   # assumed; please confirm" in lines


def test_what_is_known_is_not_called_assumed():
    profile = profile_table(
        frame(x="1.5"), "y", horizon="1 day", known_in_advance="all", label_delay="1 day"
    )

    assert "ssumed" not in describe(profile)
