"""Who may sign in, and what they may see."""

from __future__ import annotations

STATEMENTS = (
    # One row: how this catalogue is kept. Triggers read it, `schema.initialise` and `counters` write it.
    """CREATE TABLE catalogue_option (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    maintain_file_counts boolean NOT NULL,
    datafile_partition_rows bigint NOT NULL CHECK (datafile_partition_rows >= 0)
)""",
    """CREATE TABLE session (
    id uuid PRIMARY KEY,
    user_name text COLLATE "C" NOT NULL,
    mechanism text COLLATE "C" NOT NULL,
    created timestamptz NOT NULL,
    expires timestamptz NOT NULL
)""",
    "CREATE INDEX session_user_name_idx ON session (user_name)",
    "CREATE INDEX session_expires_idx ON session (expires)",
    # `subject` is 'user:...' or 'address:...'.
    """CREATE TABLE login_failure (
    subject text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL
)""",
    "CREATE INDEX login_failure_subject_at_idx ON login_failure (subject, at)",
    "CREATE INDEX login_failure_at_idx ON login_failure (at)",
    # One row, whose version grows with every change of rules, public steps, groups or user names.
    """CREATE TABLE rulebook_version (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    version bigint NOT NULL,
    changed_by xid8 NOT NULL
)""",
    # Who reaches which investigation on which path, and in how many ways. Kept by triggers: no foreign keys.
    """CREATE TABLE investigation_reader (
    user_id bigint NOT NULL,
    investigation_id bigint NOT NULL,
    path text COLLATE "C" NOT NULL CHECK (path IN ('user', 'instrument', 'group')),
    count integer NOT NULL CHECK (count >= 0),
    PRIMARY KEY (user_id, path, investigation_id)
)""",
    "CREATE INDEX investigation_reader_investigation_id_idx ON investigation_reader (investigation_id, user_id)",
    # Passwords of scripts. Only the SHA-256 of a token is kept: it has 256 bits of chance in it, no dictionary helps.
    """CREATE TABLE api_token (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    user_name text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'write']),
    created timestamptz NOT NULL,
    expires timestamptz,
    used timestamptz,
    UNIQUE (user_name, name)
)""",
)
