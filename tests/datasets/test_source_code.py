"""The code at work as a catalog entry."""

from __future__ import annotations

from pathlib import Path

import pytest
from kedro.io import DatasetError

from regression_lifecycle.core.models.provenance import SourceCode
from regression_lifecycle.datasets.source_code import SourceCodeDataset


def test_it_says_what_the_variable_and_the_lock_file_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFECYCLE_CODE_REVISION", "v7")

    assert SourceCodeDataset(str(tmp_path)).load() == SourceCode("v7", "unknown")


def test_it_is_an_input_alone_and_no_news_for_a_tick(tmp_path: Path) -> None:
    dataset = SourceCodeDataset(str(tmp_path))

    assert dataset.state() == ""
    with pytest.raises(DatasetError, match="is an input"):
        dataset.save(SourceCode())
