"""The code at work: commit, changes on top of it, lock file."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from regression_lifecycle.adapters.source_code import describe_source_code
from regression_lifecycle.core.models.provenance import SourceCode


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one commit."""
    monkeypatch.delenv("LIFECYCLE_CODE_REVISION", raising=False)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "code.py").write_text("x = 1\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "x")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_revision_is_the_commit(repository: Path) -> None:
    assert describe_source_code(repository).revision == git(repository, "rev-parse", "HEAD")


def test_files_that_differ_from_the_commit_are_told(repository: Path) -> None:
    (repository / "src" / "code.py").write_text("x = 2\n")

    commit = git(repository, "rev-parse", "HEAD")
    assert describe_source_code(repository).revision == f"{commit}-dirty"


def test_outside_of_a_repository_nothing_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIFECYCLE_CODE_REVISION", raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    assert describe_source_code(tmp_path) == SourceCode("unknown", "unknown")


def test_the_variable_names_the_revision_whatever_git_says(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFECYCLE_CODE_REVISION", " v7 ")

    assert describe_source_code(repository).revision == "v7"


def test_the_lock_file_is_known_by_its_hash(repository: Path) -> None:
    (repository / "uv.lock").write_bytes(b"numpy==2.0\n")

    expected = hashlib.sha256(b"numpy==2.0\n").hexdigest()
    assert describe_source_code(repository).lock_hash == expected[:16]
