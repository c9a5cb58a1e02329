"""Digests of files, and how far their check has come."""

from pathlib import Path

from alembic import op
from psycopg import Connection

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of digests."""
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute(Path(__file__).with_name("0003_digests.sql").read_text())
