"""What a killed process had not renamed yet is removed, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from regression_lifecycle.adapters.staged_files import remove_leftovers, staged_path


def test_half_files_of_processes_that_are_gone_are_removed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    table, page = tmp_path / "tables" / "windows.parquet", tmp_path / "index.html"
    kept = [table, page, tmp_path / f".{os.getppid()}.index.html", tmp_path / ".lock"]
    table.parent.mkdir()
    left = [path.with_name(f".{gone.pid}.{path.name}") for path in (table, page)]
    # In containers every process has the same number, and this one has not begun to write.
    left.append(staged_path(page))
    for path in (*kept, *left):
        path.touch()
    scratch = tmp_path / f".{gone.pid}.8fj3"
    scratch.mkdir()
    (scratch / "piece.parquet").touch()

    remove_leftovers(tmp_path)

    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)
    assert not scratch.exists()


def test_a_folder_that_is_not_there_is_no_matter(tmp_path: Path) -> None:
    remove_leftovers(tmp_path / "none")
