"""What deleted and moved objects belonged to."""

from pathlib import Path

from alembic import op
from psycopg import Connection

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the columns."""
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute(Path(__file__).with_name("0013_former.sql").read_text())
