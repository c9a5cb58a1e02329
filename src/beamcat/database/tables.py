"""The tables as SQL, derived from the model.

Every string column sorts by code point (`COLLATE "C"`), whatever the database prefers, so that answers and prefix
searches are the same everywhere. Partitioned tables differ only in their keys: see `partitions`.
"""

from __future__ import annotations

from collections.abc import Iterator

from beamcat.database.naming import column_name, quoted, table_name
from beamcat.model import BASE_ATTRIBUTES, ENTITIES, Attribute, Entity, Kind, ToOne

LONGEST_NAME = 63
"""Bytes of an identifier that PostgreSQL keeps."""

PARTITION_KEYS = {"Datafile": "id", "DatafileParameter": "datafile_id"}
"""The entities that can be partitioned, and the column whose ranges make the partitions."""

DERIVED_COLUMNS = {"Datafile": ("investigation_id",)}
"""Columns beyond the model, `bigint`: the investigation of a datafile is copied from its dataset."""

FILL_PERCENT = {"Dataset": 85, "Investigation": 85}
"""How full pages are made of tables whose counters change with every datafile: the change then stays on its page."""

TYPES = {
    Kind.STRING: 'text COLLATE "C"',
    Kind.ENUM: 'text COLLATE "C"',
    Kind.LONG: "bigint",
    Kind.INTEGER: "integer",
    Kind.DOUBLE: "double precision",
    Kind.BOOLEAN: "boolean",
    Kind.DATETIME: "timestamptz(3)",
}

_VALUES = ("(type_id, numeric_value)", "(type_id, left(string_value, 80))")

ACCESS_PATHS: dict[str, dict[str, str]] = {
    "Investigation": {
        "name": "(name)",
        "visit_id": "(visit_id)",
        "start_date": "(start_date DESC, id)",
        "release_date": "(release_date)",
        "doi": "(doi) WHERE doi IS NOT NULL",
    },
    "Dataset": {
        "by_start_date": "(investigation_id, start_date)",
        "by_id": "(investigation_id, id)",
        "doi": "(doi) WHERE doi IS NOT NULL",
    },
    "Datafile": {
        "by_id": "(dataset_id, id)",
        "by_create_time": "(dataset_id, datafile_create_time, id)",
        "by_mod_time": "(dataset_id, datafile_mod_time, id)",
        "of_investigation": "(investigation_id, id)",
        "location": "(location) WHERE location IS NOT NULL",
        "doi": "(doi) WHERE doi IS NOT NULL",
    },
    "DataCollection": {"doi": "(doi) WHERE doi IS NOT NULL"},
    "ParameterType": {"name": "(name)"},
    "Sample": {"name": "(name)"},
    **{
        owner: dict(zip(("numeric_value", "string_value"), _VALUES, strict=True))
        for owner in ("InvestigationParameter", "SampleParameter", "DatasetParameter")
    },
}
"""Indexes for the questions clients ask most, besides one for every unique constraint and every foreign key."""


def schema_statements(*, partitioned: bool = False) -> Iterator[str]:
    """The statements that make an empty catalogue: sequences, tables, foreign keys, indexes.

    With `partitioned`, `datafile` and `datafile_parameter` are partitioned tables that have no partition yet.
    """
    for entity in ENTITIES.values():
        yield from table_statements(entity, partitioned=partitioned)
    for entity in ENTITIES.values():
        yield from foreign_key_statements(entity)
    for entity in ENTITIES.values():
        yield from index_statements(entity)
    yield from INFRASTRUCTURE


def table_statements(entity: Entity, *, partitioned: bool = False) -> Iterator[str]:
    """The sequence and the table of one entity, without its foreign keys."""
    table = table_name(entity)
    sequence = quoted(f"{table}_id_seq")
    partition_key = PARTITION_KEYS.get(entity.name) if partitioned else None
    parts = [
        f"id bigint NOT NULL DEFAULT nextval('{sequence}')",
        *(f"{quoted(column_name(base))} {TYPES[base.kind]} NOT NULL" for base in BASE_ATTRIBUTES if base.name != "id"),
        *(_column(member) for member in (*entity.attributes, *entity.hidden)),
        *(f"{quoted(column_name(one))} bigint{' NOT NULL' if one.required else ''}" for one in entity.to_one),
        *(f"{quoted(column)} bigint" for column in DERIVED_COLUMNS.get(entity.name, ())),
        _primary_key(table, partition_key),
        *_unique(entity, partition_key),
        *(check for member in (*entity.attributes, *entity.hidden) for check in _checks(table, member)),
    ]
    fill = FILL_PERCENT.get(entity.name)
    tail = f" PARTITION BY RANGE ({partition_key})" if partition_key else f" WITH (fillfactor = {fill})" if fill else ""
    yield f"CREATE SEQUENCE {sequence} AS bigint"
    yield f"CREATE TABLE {quoted(table)} (\n    " + ",\n    ".join(parts) + f"\n){tail}"
    yield f"ALTER SEQUENCE {sequence} OWNED BY {quoted(table)}.id"


def foreign_key_statements(entity: Entity) -> Iterator[str]:
    """The foreign keys of one entity; deleting what they point to deletes the row."""
    table = table_name(entity)
    for relation in entity.to_one:
        column = column_name(relation)
        name = _named(f"{table}_{column}_fkey")
        target = quoted(table_name(ENTITIES[relation.target]))
        yield (
            f"ALTER TABLE {quoted(table)} ADD CONSTRAINT {name} "
            f"FOREIGN KEY ({quoted(column)}) REFERENCES {target} (id) ON DELETE CASCADE"
        )


def index_statements(entity: Entity) -> Iterator[str]:
    """The indexes of one entity: its access paths, and one for each foreign key that nothing else begins with."""
    table = table_name(entity)
    paths = ACCESS_PATHS.get(entity.name, {})
    for name, definition in paths.items():
        yield f"CREATE INDEX {_named(f'{table}_{name}_idx')} ON {quoted(table)} {definition}"
    covered = {definition[1:].split(",")[0].rstrip(")") for definition in paths.values()}
    covered.update(unique_columns(entity)[:1])
    for relation in entity.to_one:
        column = column_name(relation)
        if column not in covered:
            yield f"CREATE INDEX {_named(f'{table}_{column}_idx')} ON {quoted(table)} ({quoted(column)})"


def unique_columns(entity: Entity) -> tuple[str, ...]:
    """The columns of the constraint `<table>_key`, in the order of the model; empty when there is none."""
    members = (entity.fields[name] for name in entity.unique)
    return tuple(column_name(member) for member in members if isinstance(member, Attribute | ToOne))


def _column(attribute: Attribute) -> str:
    text = f"{quoted(column_name(attribute))} {TYPES[attribute.kind]}"
    if attribute.required or attribute.kind is Kind.BOOLEAN:
        text += " NOT NULL"
    if attribute.default is not None:
        text += f" DEFAULT {str(attribute.default).lower()}"
    return text


def _primary_key(table: str, partition_key: str | None) -> str:
    columns = "id" if partition_key in {None, "id"} else f"id, {partition_key}"
    return f"CONSTRAINT {_named(f'{table}_pkey')} PRIMARY KEY ({columns})"


def _unique(entity: Entity, partition_key: str | None) -> Iterator[str]:
    """A unique constraint without the partition key is kept by each partition and a trigger: see `partitions`."""
    columns = unique_columns(entity)
    if columns and (partition_key is None or partition_key in columns):
        names = ", ".join(map(quoted, columns))
        yield f"CONSTRAINT {_named(f'{table_name(entity)}_key')} UNIQUE ({names})"


def _checks(table: str, attribute: Attribute) -> Iterator[str]:
    column = column_name(attribute)
    if attribute.length is not None:
        name = _named(f"{table}_{column}_length")
        yield f"CONSTRAINT {name} CHECK (char_length({quoted(column)}) <= {attribute.length})"
    if attribute.enumeration is not None:
        values = ", ".join(f"'{value}'" for value in attribute.enumeration.values)
        yield f"CONSTRAINT {_named(f'{table}_{column}_values')} CHECK ({quoted(column)} IN ({values}))"


def _named(name: str) -> str:
    if len(name) > LONGEST_NAME:
        raise ValueError(f"{name} is longer than {LONGEST_NAME} bytes, PostgreSQL would cut it")
    return quoted(name)


INFRASTRUCTURE = (
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
    ids int8multirange NOT NULL
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
    ids int8multirange NOT NULL
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
    "CREATE INDEX prepared_datasets_idx ON prepared USING gin (datasets)",
    # What users have put aside to request: one cart per facility and owner. An anonymous owner is a session.
    """CREATE TABLE cart (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    facility_name text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    anonymous boolean NOT NULL,
    created timestamptz(3) NOT NULL,
    updated timestamptz(3) NOT NULL,
    UNIQUE (facility_name, owner)
)""",
    "CREATE INDEX cart_anonymous_idx ON cart (updated) WHERE anonymous",
    """CREATE TABLE cart_item (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    cart_id bigint NOT NULL REFERENCES cart (id) ON DELETE CASCADE,
    entity_type text COLLATE "C" NOT NULL CHECK (entity_type IN ('investigation', 'dataset', 'datafile')),
    entity_id bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    investigation_id bigint,
    dataset_id bigint,
    UNIQUE (cart_id, entity_type, entity_id)
)""",
    # What has been requested. `next_look` is when it is next seen to while it is under way.
    """CREATE TABLE download (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    facility_name text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    user_name text COLLATE "C" NOT NULL,
    full_name text COLLATE "C" NOT NULL,
    transport text COLLATE "C" NOT NULL,
    file_name text COLLATE "C" NOT NULL,
    email text COLLATE "C",
    email_sent boolean NOT NULL DEFAULT false,
    status text COLLATE "C" NOT NULL
        CHECK (status IN ('QUEUED', 'PREPARING', 'RESTORING', 'COMPLETE', 'EXPIRED', 'PAUSED')),
    priority integer NOT NULL,
    size bigint NOT NULL,
    two_level boolean NOT NULL,
    compress boolean NOT NULL,
    prepared_id uuid,
    created timestamptz(3) NOT NULL,
    completed timestamptz(3),
    is_deleted boolean NOT NULL DEFAULT false,
    deleted timestamptz(3),
    next_look timestamptz NOT NULL DEFAULT now(),
    tries integer NOT NULL DEFAULT 0,
    failing_since timestamptz,
    problem text COLLATE "C"
)""",
    "CREATE INDEX download_owner_idx ON download (owner, facility_name, id)",
    """CREATE INDEX download_under_way_idx ON download (status, next_look)
    WHERE status IN ('QUEUED', 'PREPARING', 'RESTORING') AND NOT is_deleted""",
    """CREATE TABLE download_item (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    download_id bigint NOT NULL REFERENCES download (id) ON DELETE CASCADE,
    entity_type text COLLATE "C" NOT NULL CHECK (entity_type IN ('investigation', 'dataset', 'datafile')),
    entity_id bigint NOT NULL
)""",
    "CREATE INDEX download_item_download_id_idx ON download_item (download_id, id)",
    # Mails about finished downloads that have still to be sent.
    """CREATE TABLE download_mail (
    download_id bigint PRIMARY KEY REFERENCES download (id) ON DELETE CASCADE,
    custom_value text COLLATE "C" NOT NULL,
    due timestamptz NOT NULL,
    tries integer NOT NULL DEFAULT 0
)""",
    # Transports that administrators have switched off, or say something about.
    """CREATE TABLE download_type_status (
    facility_name text COLLATE "C" NOT NULL,
    download_type text COLLATE "C" NOT NULL,
    disabled boolean NOT NULL,
    message text COLLATE "C" NOT NULL,
    PRIMARY KEY (facility_name, download_type)
)""",
    # Texts that portals keep here.
    """CREATE TABLE portal_variable (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    value text COLLATE "C" NOT NULL
)""",
)
"""Tables that are not part of the model."""

FIRST_ROWS = """INSERT INTO rulebook_version (version, changed_by) VALUES (1, '0')"""
"""What the infrastructure holds from the beginning, but for `catalogue_option`, which the settings give."""
