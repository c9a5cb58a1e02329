"""Uploads."""

from pathlib import Path

from alembic import op
from psycopg import Connection

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of uploads under way, and of bytes that are being stored."""
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute(Path(__file__).with_name("0010_uploads.sql").read_text())
