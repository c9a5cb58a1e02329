"""Names that were changed, things that are gone, and reminders of downloads that have come to a stop."""

from pathlib import Path

from alembic import op
from psycopg import Connection

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and triggers for permanent URLs, and the columns for reminders."""
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute(Path(__file__).with_name("0012_names_and_reminders.sql").read_text())
