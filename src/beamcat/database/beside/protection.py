"""Protection from robots and floods: see `protection`."""

from __future__ import annotations

STATEMENTS = (
    # Who is kept out: a user, a network, or whoever has the id of a prepared download.
    """CREATE TABLE block (
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('user', 'network', 'prepared')),
    subject text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    created timestamptz NOT NULL,
    created_by text NOT NULL,
    expires timestamptz,
    PRIMARY KEY (kind, subject)
)""",
    # How much a client has had on a day, in UTC.
    """CREATE TABLE daily_use (
    client text COLLATE "C" NOT NULL,
    day date NOT NULL,
    what text COLLATE "C" NOT NULL CHECK (what IN ('sent', 'restored', 'restored_as_member')),
    bytes bigint NOT NULL,
    PRIMARY KEY (client, day, what)
)""",
    "CREATE INDEX daily_use_day_idx ON daily_use (day)",
    # Units that are restored for a client who may have so many at a time; what has come is removed with the next one.
    """CREATE TABLE restore_under_way (
    client text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    unit_id bigint NOT NULL,
    PRIMARY KEY (client, kind, unit_id)
)""",
)
