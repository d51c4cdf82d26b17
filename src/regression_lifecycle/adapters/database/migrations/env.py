"""What Alembic runs for every command: migrations inside the caller's transaction."""

from alembic import context

from regression_lifecycle.adapters.database.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
