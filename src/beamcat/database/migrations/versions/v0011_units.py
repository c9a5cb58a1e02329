"""How fast units come back, copies that are still to be removed, and datafiles that are being deleted."""

from pathlib import Path

from alembic import op
from psycopg import Connection

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the indexes and the table."""
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute(Path(__file__).with_name("0011_units.sql").read_text())
