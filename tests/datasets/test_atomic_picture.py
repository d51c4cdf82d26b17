"""A picture is the old one or the new one."""

from __future__ import annotations

import base64
import inspect
from pathlib import Path
from typing import Any

import pytest
from kedro.io import DatasetError

from regression_lifecycle.datasets.atomic_files import AtomicPictureDataset


def test_a_picture_comes_back_and_kedro_viz_can_show_it(tmp_path: Path) -> None:
    dataset = AtomicPictureDataset(str(tmp_path / "new" / "a.png"))
    assert not dataset.exists()
    dataset.save(b"\x89PNG one")
    assert dataset.exists()
    assert dataset.load() == b"\x89PNG one"
    assert base64.b64decode(dataset.preview()) == b"\x89PNG one"
    annotation = inspect.signature(dataset.preview).return_annotation
    assert getattr(annotation, "__name__", annotation) == "ImagePreview"


def test_a_failed_save_leaves_the_old_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = AtomicPictureDataset(str(tmp_path / "a.png"))
    dataset.save(b"old")

    def full_disk(self: Path, data: bytes) -> Any:
        self.open("wb").write(data[:2])
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(DatasetError, match="no space left"):
        dataset.save(b"the new one")
    assert dataset.load() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
