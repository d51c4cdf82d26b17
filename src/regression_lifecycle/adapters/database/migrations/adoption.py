"""Take over tables that code without versions has made."""

from __future__ import annotations

from alembic import op
from sqlalchemy import MetaData, Table, inspect
from sqlalchemy.schema import SchemaItem

from regression_lifecycle.core.errors import ConfigurationError, bounded_list


def create_or_extend(name: str, *items: SchemaItem) -> None:
    """Create a table, or give the one that is there the columns that it lacks.

    Only for tables that may be there without a version; a later migration knows what it finds.

    Args:
        name: Name of the table.
        items: Columns and constraints as this version has them.

    Raises:
        ConfigurationError: If the table that is there goes by another key.
    """
    table = Table(name, MetaData(), *items)
    inspector = inspect(op.get_bind())
    if not inspector.has_table(name):
        table.create(op.get_bind())
        return
    key = inspector.get_pk_constraint(name)["constrained_columns"]
    expected = [column.name for column in table.primary_key]
    if set(key) != set(expected):
        raise ConfigurationError(
            f"table '{name}' goes by the key {bounded_list(key)}, and this release needs "
            f"{bounded_list(expected)}; rename the old table, and a new one is made"
        )
    present = {column["name"] for column in inspector.get_columns(name)}
    for column in table.columns:
        if column.name not in present:
            op.add_column(name, column)
