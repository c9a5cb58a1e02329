-- Work on the index of search: a rebuild under way, and documents that are to be written again.

CREATE TABLE search_rebuild (
    id integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    entities text[] NOT NULL,
    position bigint NOT NULL,
    begun timestamptz NOT NULL DEFAULT now(),
    moved timestamptz NOT NULL DEFAULT now(),
    documents bigint NOT NULL DEFAULT 0,
    total bigint NOT NULL DEFAULT 0,
    rate double precision NOT NULL DEFAULT 0,
    left_s double precision
);
CREATE TABLE search_population (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity text COLLATE "C" NOT NULL UNIQUE,
    after_id bigint NOT NULL,
    last_id bigint,
    remove boolean NOT NULL
);
CREATE TABLE search_mending (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity text COLLATE "C" NOT NULL,
    ids bigint[] NOT NULL
);
