"""What was changed, who asked, and the tokens of scripts."""

from pathlib import Path

from alembic import op
from psycopg import Connection

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of events, calls and tokens."""
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute(Path(__file__).with_name("0002_events_calls_tokens.sql").read_text())
