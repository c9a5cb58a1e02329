"""Blocks, and how much clients have had today."""

from pathlib import Path

from alembic import op
from psycopg import Connection

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of the protection from robots and floods."""
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute(Path(__file__).with_name("0008_protection.sql").read_text())
