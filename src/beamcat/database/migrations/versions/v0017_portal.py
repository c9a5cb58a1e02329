"""What the portal keeps."""

from pathlib import Path

from alembic import op
from psycopg import Connection

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of the portal."""
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute(Path(__file__).with_name("0017_portal.sql").read_text())
