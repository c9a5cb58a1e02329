CREATE TABLE unit (
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
) WITH (fillfactor = 70);

CREATE INDEX unit_dataset_id_idx ON unit (dataset_id);

CREATE INDEX unit_wanted_idx ON unit (kind, wanted, requested_by, priority DESC, requested_at) WHERE wanted IS NOT NULL;

CREATE INDEX unit_next_idx ON unit (kind, wanted, priority DESC, requested_at) WHERE wanted IS NOT NULL;

CREATE INDEX unit_running_idx ON unit (kind, running, until) WHERE running IS NOT NULL;

CREATE INDEX unit_failure_idx ON unit (kind, id) WHERE failure IS NOT NULL;

CREATE INDEX unit_online_idx ON unit (kind, accessed, id) INCLUDE (size) WHERE online;

CREATE TABLE unit_lock (
    dataset_id bigint NOT NULL,
    holder uuid NOT NULL,
    exclusive boolean NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (dataset_id, holder)
);

CREATE INDEX unit_lock_holder_idx ON unit_lock (holder);

CREATE INDEX unit_lock_until_idx ON unit_lock (until);

ALTER TABLE prepared ADD COLUMN measured timestamptz;

CREATE INDEX prepared_datasets_idx ON prepared USING gin (datasets);
