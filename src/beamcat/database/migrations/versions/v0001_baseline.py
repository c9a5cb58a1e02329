"""The first schema: the 53 ICAT entities, accounts, sessions, counters, the readers of investigations."""

from pathlib import Path

from alembic import context, op
from psycopg import Connection

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make everything. `datafile_partition_rows` decides for good whether the two largest tables are partitioned."""
    rows = int(context.config.attributes["datafile_partition_rows"])
    counted = bool(context.config.attributes["maintain_file_counts"])
    shape = "partitioned" if rows else "plain"
    connection: Connection = op.get_bind().connection.driver_connection  # type: ignore[assignment]
    for name in ("0001_tables.sql", f"0001_datafiles_{shape}.sql", "0001_keys.sql", "0001_triggers.sql"):
        connection.execute(Path(__file__).with_name(name).read_text())
    connection.execute(
        "INSERT INTO catalogue_option (maintain_file_counts, datafile_partition_rows) VALUES (%s, %s)", (counted, rows)
    )
    connection.execute("SELECT ensure_datafile_partitions(0)")
