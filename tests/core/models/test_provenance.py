"""What is said of code and packages, and what of it differs later."""

from __future__ import annotations

import platform
from importlib.metadata import version

from sklearn.linear_model import Ridge

from regression_lifecycle.core.models.provenance import (
    Difference,
    SourceCode,
    describe_provenance,
    find_differences,
)


def test_packages_that_fit_are_named_with_their_versions():
    said = describe_provenance(SourceCode("abc", "def"), Ridge())

    assert (said.code_revision, said.lock_hash) == ("abc", "def")
    assert said.packages["python"] == platform.python_version()
    assert said.packages["scikit-learn"] == version("scikit-learn")
    assert {"numpy", "scipy", "pandas"} < set(said.packages)
    assert platform.machine() in said.platform


def test_nothing_differs_from_itself():
    said = describe_provenance(SourceCode("abc", "def"), Ridge())

    assert find_differences(said, said) == ()


def test_every_difference_is_named_with_both_values():
    before = describe_provenance(SourceCode("abc", "def"), Ridge())
    now = before.model_copy(
        update={
            "code_revision": "xyz",
            "lock_hash": "uvw",
            "packages": {**before.packages, "numpy": "1.0", "lightgbm": "4.7"},
            "platform": "Plan9 mips",
        }
    )

    assert find_differences(before, now) == (
        Difference("code revision", "abc", "xyz"),
        Difference("uv.lock", "def", "uvw"),
        Difference("numpy", before.packages["numpy"], "1.0"),
        Difference("lightgbm", "absent", "4.7"),
        Difference("platform", before.platform, "Plan9 mips"),
    )
