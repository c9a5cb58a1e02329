"""What values of objects were before somebody changed them by hand."""

from pathlib import Path

from alembic import op
from psycopg import Connection

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of changed values."""
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute(Path(__file__).with_name("0019_value_changes.sql").read_text())
