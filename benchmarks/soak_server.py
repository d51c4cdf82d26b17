"""What the server imports that the soak forks its commands from; it dies with the soak."""

import tests.faults.heavy

import regression_lifecycle.serving.server
from soak_project import die_with_parent

__all__ = ["regression_lifecycle", "tests"]

die_with_parent()
