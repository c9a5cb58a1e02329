"""What has reached whom."""

from pathlib import Path

from alembic import op
from psycopg import Connection

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of deliveries."""
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute(Path(__file__).with_name("0005_deliveries.sql").read_text())
