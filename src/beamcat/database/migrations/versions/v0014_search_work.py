"""Work on the index of search."""

from pathlib import Path

from alembic import op
from psycopg import Connection

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables for rebuilds and populations."""
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute(Path(__file__).with_name("0014_search_work.sql").read_text())
