"""What the server imports that the soak forks its commands from; it dies with the soak."""

import os

import tests.faults.heavy

import regression_lifecycle.serving.server
from soak_project import PROCESS_VARIABLE, die_with_parent

__all__ = ["regression_lifecycle", "tests"]

die_with_parent(int(os.environ[PROCESS_VARIABLE]))
