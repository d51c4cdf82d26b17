"""What MLflow tells of the inputs of a model that takes raw rows: signature and example."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import ModelError
from regression_lifecycle.core.features.raw_rows import asked_columns, late_columns
from regression_lifecycle.core.models.trained_model import ModelMetadata, TrainedModel


def make_signature(metadata: ModelMetadata) -> Any:
    """Return the signature of a model.

    The columns are of any type, since no other lets through what means the same to the contract:
    whole numbers beside missing ones, text as it stands in a file, true and 1. The model itself
    reads the values as ingestion does.

    Args:
        metadata: Of the model.

    Returns:
        An ``mlflow.models.ModelSignature``.

    Raises:
        ModelError: If an older release trained the model.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import AnyType

    contract, recipe = _contract(metadata), metadata.recipe
    stamp = contract.timestamp
    needed = [name for name in asked_columns(recipe, contract) if name != stamp.name]
    left_open = [stamp.name, *stamp.raw_columns, *late_columns(recipe, contract)]
    columns = {**dict.fromkeys(left_open, False), **dict.fromkeys(needed, True)}
    return ModelSignature(
        inputs=Schema([ColSpec(AnyType(), name, required) for name, required in columns.items()]),
        outputs=Schema([ColSpec("double", "prediction")]),
        params=ParamSchema([ParamSpec("history", "string", "")]),
    )


def example_row(model: TrainedModel) -> pd.DataFrame:
    """Return a row that may be sent as it is: the newest that was known at training.

    Args:
        model: A model with its history.

    Returns:
        One row of text and numbers, with the timestamp unless the table has no time.

    Raises:
        ModelError: If an older release trained the model.
    """
    contract = _contract(model.metadata)
    names = [*asked_columns(model.metadata.recipe, contract)]
    if not contract.timestamp.rows:
        names.insert(0, contract.timestamp.name)
    newest = model.history[names].tail(1).reset_index(drop=True)
    moments = newest.select_dtypes("datetime").columns
    return newest.astype(dict.fromkeys(moments, "str"))


def _contract(metadata: ModelMetadata) -> Problem:
    if metadata.contract is None:
        raise ModelError("an older release trained the model; train it again")
    return metadata.contract
