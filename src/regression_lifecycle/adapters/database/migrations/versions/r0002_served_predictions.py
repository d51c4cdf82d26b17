"""What was served, the labels that came later, and what is done to the model's predictions."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, DateTime, Double, PrimaryKeyConstraint, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables, and an index by which a label finds what was said about its row."""
    op.create_table(
        "service_predictions",
        Column("problem", Text),
        Column("request_id", Text),
        Column("row_number", BigInteger, autoincrement=False),
        Column("source", Text),
        Column("served_at", DateTime),
        Column("row_key", Text),
        Column("timestamp", DateTime),
        Column("model_version", Text),
        Column("trained_until", DateTime),
        Column("raw_prediction", Double),
        Column("level_factor", Double),
        Column("prediction", Double),
        Column("lower", Double),
        Column("upper", Double),
        Column("features", Text),
        Column("recorded_at", Text),
        PrimaryKeyConstraint("problem", "request_id", "row_number"),
    )
    op.create_table(
        "labels",
        Column("problem", Text),
        Column("row_key", Text),
        Column("timestamp", DateTime),
        Column("target", Double),
        Column("recorded_at", Text),
        PrimaryKeyConstraint("problem", "row_key"),
    )
    op.create_table(
        "adjustments",
        Column("problem", Text),
        Column("model_version", Text),
        Column("valid_from", DateTime),
        Column("level_factor", Double),
        Column("interval_width", Double),
        Column("recorded_at", Text),
        PrimaryKeyConstraint("problem", "model_version", "valid_from"),
    )
    op.create_index("served_predictions_by_row", "service_predictions", ["problem", "row_key"])
