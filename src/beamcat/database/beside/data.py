"""Data: digests, prepared downloads, deliveries, and what is on which level of storage."""

from __future__ import annotations

STATEMENTS = (
    # Digests of the bytes at a location of a storage, true as long as size and etag are those; `checked` is when they
    # were last found right. `pieces` is the SHA-256 of each piece, one after the other.
    """CREATE TABLE file_digest (
    storage text COLLATE "C" NOT NULL,
    location text COLLATE "C" NOT NULL,
    size bigint NOT NULL CHECK (size >= 0),
    etag text COLLATE "C" NOT NULL,
    crc32 bigint NOT NULL CHECK (crc32 BETWEEN 0 AND 4294967295),
    adler32 bigint CHECK (adler32 BETWEEN 0 AND 4294967295),
    sha256 bytea CHECK (length(sha256) = 32),
    md5 bytea CHECK (length(md5) = 16),
    piece_length bigint CHECK (piece_length > 0),
    pieces bytea CHECK (length(pieces) % 32 = 0),
    computed timestamptz NOT NULL,
    checked timestamptz,
    PRIMARY KEY (storage, location),
    CHECK ((piece_length IS NULL) = (pieces IS NULL))
)""",
    # How far the check of the files of each storage has come.
    """CREATE TABLE file_check (
    storage text COLLATE "C" PRIMARY KEY,
    datafile_id bigint NOT NULL,
    moved timestamptz NOT NULL
)""",
    # Downloads that have been prepared: frozen selections, and what an archive of them is like once it is known.
    """CREATE TABLE prepared (
    id uuid PRIMARY KEY,
    user_name text COLLATE "C" NOT NULL,
    created timestamptz NOT NULL,
    form text COLLATE "C" NOT NULL CHECK (form IN ('file', 'zip', 'tar')),
    zip boolean NOT NULL,
    compress boolean NOT NULL,
    files bigint NOT NULL,
    runs integer NOT NULL,
    renamed bigint NOT NULL,
    datasets bigint[] NOT NULL,
    layout text COLLATE "C",
    etag text COLLATE "C",
    size bigint,
    newest bigint,
    run_entries bigint[],
    run_bodies bigint[],
    run_records bigint[],
    mismatched bigint[],
    mismatched_count bigint,
    measured timestamptz
)""",
    "CREATE INDEX prepared_created_idx ON prepared (created, id)",
    # Their files, some thousand in a row, packed by `store.frozen`.
    """CREATE TABLE prepared_run (
    prepared_id uuid NOT NULL REFERENCES prepared (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    number integer NOT NULL,
    packed bytea NOT NULL,
    PRIMARY KEY (prepared_id, number)
)""",
    "ALTER TABLE prepared_run ALTER packed SET STORAGE EXTERNAL",
    # Which bytes of which download have reached whom: see `store.deliveries`. It outlives the prepared download.
    """CREATE TABLE delivery (
    id uuid PRIMARY KEY,
    prepared_id uuid,
    user_name text COLLATE "C" NOT NULL,
    etag text COLLATE "C" NOT NULL,
    size bigint NOT NULL CHECK (size >= 0),
    investigations bigint[] NOT NULL,
    arrived int8multirange NOT NULL DEFAULT '{}',
    delivered bigint NOT NULL DEFAULT 0,
    exact boolean NOT NULL DEFAULT true,
    taken boolean NOT NULL DEFAULT false,
    doubts jsonb NOT NULL DEFAULT '[]',
    resumes jsonb NOT NULL DEFAULT '[]',
    requests bigint NOT NULL DEFAULT 0,
    broken bigint NOT NULL DEFAULT 0,
    restarts bigint NOT NULL DEFAULT 0,
    sent bigint NOT NULL DEFAULT 0,
    clients text[] COLLATE "C" NOT NULL DEFAULT '{}',
    started timestamptz NOT NULL,
    first_byte timestamptz,
    last_byte timestamptz,
    completed timestamptz,
    confirmed timestamptz,
    sha256 bytea CHECK (length(sha256) = 32)
)""",
    "CREATE INDEX delivery_prepared_id_idx ON delivery (prepared_id, started) WHERE prepared_id IS NOT NULL",
    "CREATE INDEX delivery_started_idx ON delivery (started, id)",
    "CREATE INDEX delivery_under_way_idx ON delivery (coalesce(last_byte, started)) WHERE completed IS NULL",
    # Prepared downloads of whose datasets files were deleted, and whether any was of theirs. Written by triggers.
    """CREATE TABLE prepared_shrunk (
    prepared_id uuid PRIMARY KEY REFERENCES prepared (id) ON DELETE CASCADE,
    gone boolean NOT NULL DEFAULT false
)""",
    # What things were called before, and where: `around_id` is what they lay in. Kept by triggers.
    """CREATE TABLE former_name (
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('facility', 'investigation', 'dataset', 'datafile')),
    around_id bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    visit_id text COLLATE "C" NOT NULL,
    entity_id bigint NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (kind, around_id, name, visit_id)
)""",
    # What had a DOI and was deleted, with the names it had then. Kept by triggers.
    """CREATE TABLE tombstone (
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('investigation', 'dataset', 'datafile')),
    entity_id bigint NOT NULL,
    around_id bigint NOT NULL,
    facility text COLLATE "C" NOT NULL,
    investigation text COLLATE "C" NOT NULL,
    visit_id text COLLATE "C" NOT NULL,
    dataset text COLLATE "C",
    datafile text COLLATE "C",
    title text COLLATE "C",
    doi text COLLATE "C" NOT NULL,
    deleted timestamptz NOT NULL,
    PRIMARY KEY (kind, entity_id)
)""",
    "CREATE INDEX tombstone_names_idx ON tombstone (facility, investigation, visit_id)",
    "CREATE INDEX tombstone_around_id_idx ON tombstone (kind, around_id)",
    # What is moved between main storage and archive as one, and how it stands with it: see `store.units`.
    """CREATE TABLE unit (
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('dataset', 'datafile')),
    id bigint NOT NULL,
    dataset_id bigint NOT NULL,
    online boolean,
    wanted text COLLATE "C" CHECK (wanted IN ('WRITE', 'ARCHIVE', 'RESTORE', 'DELETE', 'WRITE_THEN_ARCHIVE')),
    not_before timestamptz NOT NULL DEFAULT '-infinity',
    priority integer NOT NULL DEFAULT 0,
    requested_by text COLLATE "C",
    requested_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    running text COLLATE "C" CHECK (running IN ('WRITE', 'ARCHIVE', 'RESTORE', 'DELETE')),
    ticket uuid,
    worker text COLLATE "C",
    until timestamptz,
    expected timestamptz,
    marked boolean NOT NULL DEFAULT false,
    failure text,
    problem text,
    lacking bigint NOT NULL DEFAULT 0,
    copy text COLLATE "C",
    copied bytea,
    attempt text COLLATE "C",
    leaving bytea,
    size bigint,
    accessed timestamptz,
    restored timestamptz,
    PRIMARY KEY (kind, id),
    CHECK ((running IS NULL) = (ticket IS NULL) AND (running IS NULL) = (until IS NULL))
) WITH (fillfactor = 70)""",
    "CREATE INDEX unit_dataset_id_idx ON unit (dataset_id)",
    "CREATE INDEX unit_wanted_idx ON unit (kind, wanted, requested_by, priority DESC, requested_at)"
    " WHERE wanted IS NOT NULL",
    "CREATE INDEX unit_next_idx ON unit (kind, wanted, priority DESC, requested_at) WHERE wanted IS NOT NULL",
    "CREATE INDEX unit_running_idx ON unit (kind, running, until) WHERE running IS NOT NULL",
    "CREATE INDEX unit_failure_idx ON unit (kind, id) WHERE failure IS NOT NULL",
    "CREATE INDEX unit_online_idx ON unit (kind, accessed, id) INCLUDE (size) WHERE online",
    "CREATE INDEX unit_restored_idx ON unit (kind, restored DESC) WHERE restored IS NOT NULL",
    "CREATE INDEX unit_attempt_idx ON unit (kind, id) WHERE attempt IS NOT NULL AND attempt IS DISTINCT FROM copy",
    # Who reads or changes the bytes of a dataset. A lock that is not renewed is gone after its lease.
    """CREATE TABLE unit_lock (
    dataset_id bigint NOT NULL,
    holder uuid NOT NULL,
    exclusive boolean NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (dataset_id, holder)
)""",
    "CREATE INDEX unit_lock_holder_idx ON unit_lock (holder)",
    "CREATE INDEX unit_lock_until_idx ON unit_lock (until)",
    # Datafiles that are being deleted, so that their bytes go even if nobody lives to see to it: see `store.removal`.
    """CREATE TABLE removal (
    datafile_id bigint PRIMARY KEY,
    dataset_id bigint NOT NULL,
    location text COLLATE "C" NOT NULL,
    user_name text COLLATE "C" NOT NULL,
    since timestamptz NOT NULL
)""",
    "CREATE INDEX removal_dataset_id_idx ON removal (dataset_id)",
    "CREATE INDEX prepared_datasets_idx ON prepared USING gin (datasets)",
)
