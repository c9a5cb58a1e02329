"""Carts and requested downloads."""

from pathlib import Path

from alembic import op
from psycopg import Connection

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of carts and requested downloads."""
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute(Path(__file__).with_name("0007_downloads.sql").read_text())
