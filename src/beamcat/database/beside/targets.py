"""Data that are brought to targets: see `store.targets`."""

from __future__ import annotations

STATEMENTS = (
    # Downloads whose data are brought to a target. Who works on one holds its lease: `ticket` until `until`.
    """CREATE TABLE target_request (
    download_id bigint PRIMARY KEY,
    target text COLLATE "C" NOT NULL,
    destination text COLLATE "C",
    state text COLLATE "C" NOT NULL
        CHECK (state IN ('WAITING', 'PLANNING', 'WORKING', 'STOPPING', 'COMPLETE', 'LEAVING',
                         'CANCELED', 'FAILED', 'EXPIRED')),
    prepared_id uuid,
    plan uuid,
    visit text COLLATE "C",
    files bigint,
    size bigint NOT NULL DEFAULT 0,
    files_done bigint NOT NULL DEFAULT 0,
    bytes_done bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    eta timestamptz,
    detail text COLLATE "C",
    access jsonb,
    begun timestamptz,
    ended timestamptz,
    expires timestamptz,
    reclaimed bigint,
    problem text COLLATE "C",
    next_look timestamptz NOT NULL DEFAULT now(),
    tries integer NOT NULL DEFAULT 0,
    failing_since timestamptz,
    ticket uuid,
    worker text COLLATE "C",
    until timestamptz,
    CHECK ((ticket IS NULL) = (until IS NULL))
)""",
    """CREATE INDEX target_request_under_way_idx ON target_request (next_look)
    WHERE state IN ('PLANNING', 'WORKING', 'STOPPING', 'LEAVING')""",
    "CREATE INDEX target_request_expires_idx ON target_request (expires) WHERE state = 'COMPLETE'",
    """CREATE INDEX target_request_waiting_idx ON target_request (download_id)
    WHERE state = 'WAITING' AND prepared_id IS NOT NULL""",
    "CREATE INDEX target_request_ticket_idx ON target_request (ticket) WHERE ticket IS NOT NULL",
    # Their files in batches: `span` of them from a place in a run of the prepared download on, or `chosen` ones of it.
    """CREATE TABLE target_batch (
    download_id bigint NOT NULL REFERENCES target_request (download_id) ON DELETE CASCADE,
    number integer NOT NULL,
    round integer NOT NULL,
    run integer NOT NULL,
    place integer NOT NULL,
    span integer NOT NULL,
    chosen bigint[],
    state text COLLATE "C" NOT NULL CHECK (state IN ('NEW', 'WORKING', 'DONE', 'FAILED', 'CANCELED')),
    ticket text COLLATE "C",
    files_done bigint NOT NULL DEFAULT 0,
    bytes_done bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (download_id, number)
)""",
    "CREATE INDEX target_batch_open_idx ON target_batch (download_id, number) WHERE state IN ('NEW', 'WORKING')",
    # Files that did not get there, for good.
    """CREATE TABLE target_failure (
    download_id bigint NOT NULL REFERENCES target_request (download_id) ON DELETE CASCADE,
    datafile_id bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    PRIMARY KEY (download_id, datafile_id)
)""",
    # Where else the bytes of datafiles are: `version` and `size` are those of the main storage they were read from.
    """CREATE TABLE replica (
    datafile_id bigint NOT NULL,
    download_id bigint NOT NULL REFERENCES target_request (download_id) ON DELETE CASCADE,
    target text COLLATE "C" NOT NULL,
    place text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    version text COLLATE "C" NOT NULL,
    source_version text COLLATE "C" NOT NULL,
    crc32 bigint,
    sha256 bytea CHECK (length(sha256) = 32),
    expires timestamptz,
    PRIMARY KEY (datafile_id, download_id)
)""",
    "CREATE INDEX replica_download_id_idx ON replica (download_id)",
)
