"""Units of two-level storage, and locks on datasets."""

from pathlib import Path

from alembic import op
from psycopg import Connection

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of two-level storage."""
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute(Path(__file__).with_name("0006_units.sql").read_text())
