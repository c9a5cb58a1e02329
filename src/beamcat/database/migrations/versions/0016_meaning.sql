-- What texts mean; see search/meanings.

CREATE TABLE meaning_model (
    name text COLLATE "C" PRIMARY KEY,
    made timestamptz NOT NULL DEFAULT now(),
    texts bigint NOT NULL DEFAULT 0,
    content bytea,
    ready boolean NOT NULL DEFAULT false,
    edition uuid NOT NULL DEFAULT gen_random_uuid()
);
CREATE TABLE meaning (
    model text COLLATE "C" NOT NULL REFERENCES meaning_model (name) ON DELETE CASCADE,
    entity text COLLATE "C" NOT NULL,
    entity_id bigint NOT NULL,
    part text COLLATE "C" NOT NULL,
    sources bigint[] NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 16),
    vector bytea,
    stamp bigint NOT NULL,
    PRIMARY KEY (model, entity, entity_id, part)
);
CREATE INDEX meaning_stamp_idx ON meaning (model, entity, stamp);
CREATE SEQUENCE meaning_stamp_seq;
