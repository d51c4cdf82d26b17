"""Outside of a project a notebook is told so; inside, the tests of the notebooks open it."""

from __future__ import annotations

from pathlib import Path

import pytest

from regression_lifecycle.core.errors import StateError
from regression_lifecycle.runtime.notebook import open_project


def test_a_folder_outside_of_a_project_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(StateError, match=f"{tmp_path} is in no Kedro project"):
        open_project()
