"""What texts mean, for `search.meanings`."""

from __future__ import annotations

STATEMENTS = (
    # Models by name. One that is not `ready` has not read all texts yet. `content` is what a learned one consists of.
    # By `edition` workers know that what they keep in files is of this row.
    """CREATE TABLE meaning_model (
    name text COLLATE "C" PRIMARY KEY,
    made timestamptz NOT NULL DEFAULT now(),
    texts bigint NOT NULL DEFAULT 0,
    content bytea,
    ready boolean NOT NULL DEFAULT false,
    edition uuid NOT NULL DEFAULT gen_random_uuid()
)""",
    # Where a model puts a text, as half-precision numbers; none where it has nothing to say of it. A text is made of
    # the objects `sources` of the entity `part`: only who may read all of these may be told of it. Stamps are given
    # out by one transaction at a time, so they grow in the order of commits.
    """CREATE TABLE meaning (
    model text COLLATE "C" NOT NULL REFERENCES meaning_model (name) ON DELETE CASCADE,
    entity text COLLATE "C" NOT NULL,
    entity_id bigint NOT NULL,
    part text COLLATE "C" NOT NULL,
    sources bigint[] NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 16),
    vector bytea,
    stamp bigint NOT NULL,
    PRIMARY KEY (model, entity, entity_id, part)
)""",
    "CREATE INDEX meaning_stamp_idx ON meaning (model, entity, stamp)",
    "CREATE SEQUENCE meaning_stamp_seq",
)
