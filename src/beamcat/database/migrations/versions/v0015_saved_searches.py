"""Searches that users keep."""

from pathlib import Path

from alembic import op
from psycopg import Connection

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute(Path(__file__).with_name("0015_saved_searches.sql").read_text())
