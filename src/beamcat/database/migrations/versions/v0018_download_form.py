"""How what was requested is packed."""

from pathlib import Path

from alembic import op
from psycopg import Connection

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    connection.execute(Path(__file__).with_name("0018_download_form.sql").read_text())
