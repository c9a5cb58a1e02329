"""What has changed, and what was asked."""

from __future__ import annotations

STATEMENTS = (
    # What transactions have changed, one row per step of each, written inside them. Rows go on to `event` once they
    # are committed: ids are given out before the commit, so nobody could read on from the last one it has seen.
    """CREATE TABLE event_inbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz(3) NOT NULL,
    user_name text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    entity text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL CHECK (operation IN ('C', 'U', 'D')),
    origin text COLLATE "C" NOT NULL CHECK (origin IN ('call', 'below', 'import', 'sign-in')),
    ids int8multirange NOT NULL,
    former jsonb
)""",
    # The changes in the order of their positions, in which they were committed: the audit trail, and what readers read.
    """CREATE TABLE event (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz(3) NOT NULL,
    user_name text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    entity text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL CHECK (operation IN ('C', 'U', 'D')),
    origin text COLLATE "C" NOT NULL CHECK (origin IN ('call', 'below', 'import', 'sign-in')),
    ids int8multirange NOT NULL,
    former jsonb
)""",
    "CREATE INDEX event_at_idx ON event (at)",
    "CREATE INDEX event_user_name_idx ON event (user_name, position)",
    "CREATE INDEX event_entity_idx ON event (entity, position)",
    "CREATE INDEX event_ids_idx ON event USING gist (ids)",
    # How far each reader of `event`, or of another table of positions, has come.
    """CREATE TABLE event_reader (
    name text COLLATE "C" PRIMARY KEY,
    source text COLLATE "C" NOT NULL CHECK (source IN ('event', 'call')),
    position bigint NOT NULL,
    moved timestamptz NOT NULL
)""",
    # Who asked what, when, for how long. Written in batches, one writer at a time, so positions are in commit order.
    """CREATE TABLE call (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started timestamptz(3) NOT NULL,
    duration_ms double precision NOT NULL,
    door text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    user_name text COLLATE "C",
    client text COLLATE "C",
    request_id text COLLATE "C" NOT NULL,
    entity text COLLATE "C",
    object_id bigint,
    query text COLLATE "C"
)""",
    "CREATE INDEX call_started_idx ON call (started, position)",
    "CREATE INDEX call_user_name_idx ON call (user_name, started, position)",
    "CREATE INDEX call_object_idx ON call (object_id, entity, started, position) WHERE object_id IS NOT NULL",
    "CREATE INDEX call_outcome_idx ON call (started, position) WHERE outcome <> 'ok'",
)
