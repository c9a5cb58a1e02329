CREATE TABLE file_digest (
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
);

CREATE TABLE file_check (
    storage text COLLATE "C" PRIMARY KEY,
    datafile_id bigint NOT NULL,
    moved timestamptz NOT NULL
);
