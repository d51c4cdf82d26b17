"""What a tick imports, for a server process that forks one child per tick.

Importing takes longer than a tick; and a process that has drawn something cannot be forked, since
the threads of the drawing library do not come along.
"""

import altair
import evidently
import kedro.framework.session
import kedro_mlflow.framework.hooks
import mlflow.pyfunc
import sklearn.ensemble
import vl_convert

import regression_lifecycle.runtime.tick

__all__ = [
    "altair",
    "evidently",
    "kedro",
    "kedro_mlflow",
    "mlflow",
    "regression_lifecycle",
    "sklearn",
    "vl_convert",
]
