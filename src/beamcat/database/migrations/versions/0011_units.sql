CREATE INDEX unit_restored_idx ON unit (kind, restored DESC) WHERE restored IS NOT NULL;

CREATE INDEX unit_attempt_idx ON unit (kind, id) WHERE attempt IS NOT NULL AND attempt IS DISTINCT FROM copy;

CREATE TABLE removal (
    datafile_id bigint PRIMARY KEY,
    dataset_id bigint NOT NULL,
    location text COLLATE "C" NOT NULL,
    user_name text COLLATE "C" NOT NULL,
    since timestamptz NOT NULL
);

CREATE INDEX removal_dataset_id_idx ON removal (dataset_id);
