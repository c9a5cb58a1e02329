CREATE TABLE upload (
    id uuid PRIMARY KEY,
    user_name text COLLATE "C" NOT NULL,
    dataset_id bigint NOT NULL,
    format_id bigint,
    name text COLLATE "C" NOT NULL,
    description text COLLATE "C",
    doi text COLLATE "C",
    file_created timestamptz(3),
    file_modified timestamptz(3),
    sha256 bytea CHECK (length(sha256) = 32),
    size bigint NOT NULL CHECK (size >= 0),
    metadata text COLLATE "C" NOT NULL,
    received bigint NOT NULL DEFAULT 0,
    begun timestamptz NOT NULL,
    expires timestamptz NOT NULL,
    holder uuid,
    until timestamptz,
    datafile_id bigint,
    waits boolean NOT NULL DEFAULT true,
    CHECK (received BETWEEN 0 AND size),
    CHECK ((holder IS NULL) = (until IS NULL))
);

CREATE INDEX upload_user_name_idx ON upload (user_name, id) WHERE datafile_id IS NULL;

CREATE INDEX upload_expires_idx ON upload (expires);

CREATE INDEX upload_useless_idx ON upload (id) WHERE datafile_id IS NOT NULL AND waits;

CREATE TABLE upload_journal (
    id uuid PRIMARY KEY,
    waits boolean NOT NULL,
    location text COLLATE "C",
    etag text COLLATE "C",
    until timestamptz NOT NULL,
    dead boolean NOT NULL DEFAULT false
);

CREATE INDEX upload_journal_until_idx ON upload_journal (until);
