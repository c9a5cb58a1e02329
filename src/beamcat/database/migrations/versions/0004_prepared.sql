CREATE TABLE prepared (
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
    mismatched_count bigint
);

CREATE INDEX prepared_created_idx ON prepared (created, id);

CREATE TABLE prepared_run (
    prepared_id uuid NOT NULL REFERENCES prepared (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    number integer NOT NULL,
    packed bytea NOT NULL,
    PRIMARY KEY (prepared_id, number)
);

ALTER TABLE prepared_run ALTER packed SET STORAGE EXTERNAL;

-- whether other datafiles have the same bytes, before they are removed
CREATE INDEX "datafile_location_idx" ON "datafile" (location) WHERE location IS NOT NULL;
