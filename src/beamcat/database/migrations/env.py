"""Alembic runs this file. The caller brings the connection: see `beamcat.database.schema`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
