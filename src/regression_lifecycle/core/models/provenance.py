"""Where a model comes from besides its data: the code and the packages that fitted it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from regression_lifecycle.core.config import StrictModel
from regression_lifecycle.core.models.boosting import distribution_versions, used_libraries

UNKNOWN = "unknown"
_FITTING = ("regression-lifecycle", "scikit-learn", "numpy", "scipy", "pandas")


@dataclass(frozen=True)
class SourceCode:
    """The code that is at work.

    Attributes:
        revision: Git commit, with ``-dirty`` where files differ from it; ``unknown`` outside of a
            repository.
        lock_hash: Hash of ``uv.lock``; ``unknown`` without the file.
    """

    revision: str = UNKNOWN
    lock_hash: str = UNKNOWN


class Provenance(StrictModel):
    """The code and the packages that fitted a model.

    Attributes:
        code_revision: As :class:`SourceCode` has it.
        lock_hash: As :class:`SourceCode` has it.
        packages: Versions by name, ``python`` first.
        platform: Operating system and processor.
    """

    code_revision: str
    lock_hash: str
    packages: dict[str, str]
    platform: str


@dataclass(frozen=True)
class Difference:
    """Something that is not as it was.

    Attributes:
        name: What differs, such as ``code revision`` or the name of a package.
        before: As it was.
        now: As it is.
    """

    name: str
    before: str
    now: str


def describe_provenance(source: SourceCode, estimator: Any) -> Provenance:
    """Return what an estimator is fitted with here and now.

    Args:
        estimator: Says which boosting libraries take part; fitted or not.
    """
    packages = {name: _version(name) for name in _FITTING}
    packages |= distribution_versions(used_libraries(estimator))
    return Provenance(
        code_revision=source.revision,
        lock_hash=source.lock_hash,
        packages={"python": platform.python_version(), **packages},
        platform=f"{platform.system()} {platform.machine()}",
    )


def find_differences(before: Provenance, now: Provenance) -> tuple[Difference, ...]:
    """Return what differs between two provenances, the code first."""
    pairs = {
        "code revision": (before.code_revision, now.code_revision),
        "uv.lock": (before.lock_hash, now.lock_hash),
        **_pairs(before.packages, now.packages),
        "platform": (before.platform, now.platform),
    }
    return tuple(Difference(name, *pair) for name, pair in pairs.items() if pair[0] != pair[1])


def _pairs(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    names = dict.fromkeys([*before, *now])
    return {name: (before.get(name, "absent"), now.get(name, "absent")) for name in names}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # this project, run from its source without being installed
        return UNKNOWN
