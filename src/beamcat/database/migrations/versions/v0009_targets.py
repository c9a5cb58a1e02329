"""Data that are brought to targets."""

from pathlib import Path

from alembic import op
from psycopg import Connection

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of targets."""
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute(Path(__file__).with_name("0009_targets.sql").read_text())
