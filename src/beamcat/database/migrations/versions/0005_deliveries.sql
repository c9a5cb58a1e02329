CREATE TABLE delivery (
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
);
CREATE INDEX delivery_prepared_id_idx ON delivery (prepared_id, started) WHERE prepared_id IS NOT NULL;
CREATE INDEX delivery_started_idx ON delivery (started, id);
CREATE INDEX delivery_under_way_idx ON delivery (coalesce(last_byte, started)) WHERE completed IS NULL;
