from __future__ import annotations

import pytest
from pydantic import ValidationError

from regression_lifecycle.core.decisions.rollback import RollbackParameters


@pytest.mark.parametrize(("given", "read"), [(3, "3"), ("3", "3"), (None, None)])
def test_a_version_from_the_command_line_is_text(given, read):
    assert RollbackParameters(version=given, reason=404, actor=7).model_dump() == {
        "version": read,
        "reason": "404",
        "actor": "7",
    }


def test_someone_does_it():
    with pytest.raises(ValidationError, match="at least 1 character"):
        RollbackParameters(actor="")
