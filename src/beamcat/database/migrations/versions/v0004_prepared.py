"""Downloads that have been prepared."""

from pathlib import Path

from alembic import op
from psycopg import Connection

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of prepared downloads."""
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute(Path(__file__).with_name("0004_prepared.sql").read_text())
