"""What texts mean, and the models that tell it."""

from pathlib import Path

from alembic import op
from psycopg import Connection

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables for search by meaning."""
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute(Path(__file__).with_name("0016_meaning.sql").read_text())
