"""Git and the lock file: which code is at work."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from regression_lifecycle.core.models.provenance import UNKNOWN, SourceCode

REVISION_VARIABLE = "LIFECYCLE_CODE_REVISION"
# What a model is made of; notes, data and pictures beside it are not.
_PLACES = ("src", "conf", "pyproject.toml", "uv.lock")


def describe_source_code(project: Path) -> SourceCode:
    """Return the revision and the hash of the lock file of a project.

    The variable ``LIFECYCLE_CODE_REVISION`` names the revision where there is no repository, as in
    a container.
    """
    lock = project / "uv.lock"
    lock_hash = hashlib.sha256(lock.read_bytes()).hexdigest()[:16] if lock.is_file() else UNKNOWN
    return SourceCode(_revision(project), lock_hash)


def git_state(project: Path) -> tuple[str, bool] | None:
    """Return the commit, and whether code or configuration differ; None outside of git."""
    try:
        commit, changes = (
            subprocess.run(  # noqa: S603 (fixed arguments)
                ["git", "-C", str(project), *arguments],  # noqa: S607 (git is found on the path)
                capture_output=True,
                text=True,
                timeout=10,
                check=True,
            ).stdout.strip()
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "--", *_PLACES])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return commit, bool(changes)


def _revision(project: Path) -> str:
    given = os.environ.get(REVISION_VARIABLE, "").strip()
    if given:
        return given
    state = git_state(project)
    if state is None:
        return UNKNOWN
    commit, is_dirty = state
    return f"{commit}-dirty" if is_dirty else commit
