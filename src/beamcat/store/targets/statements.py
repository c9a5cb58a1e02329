"""The statements on the tables of targets. Those that change a request are fenced by the lease of who works on it."""

from __future__ import annotations

ENLIST = """
INSERT INTO target_request (download_id, target, destination, state)
SELECT id, %s, %s, 'WAITING' FROM unnest(%s::bigint[]) AS w (id)
"""
HAND_OVER = """
WITH ready AS (
    SELECT d.id, w.target FROM download d JOIN unnest(%(transports)s::text[], %(targets)s::text[])
               AS w (transport, target) ON w.transport = d.transport
     WHERE d.id = ANY(%(ids)s::bigint[]) AND d.status = 'RESTORING' AND NOT d.is_deleted)
INSERT INTO target_request AS r (download_id, target, state)
SELECT id, target, 'PLANNING' FROM ready
ON CONFLICT (download_id) DO UPDATE
   SET state = CASE r.state WHEN 'COMPLETE' THEN 'LEAVING'
                            WHEN 'WAITING' THEN 'PLANNING' WHEN 'CANCELED' THEN 'PLANNING'
                            WHEN 'FAILED' THEN 'PLANNING' WHEN 'EXPIRED' THEN 'PLANNING' ELSE r.state END,
       next_look = now(),
       problem = NULL,
       tries = CASE WHEN r.state IN ('PLANNING', 'WORKING') THEN r.tries ELSE 0 END,
       failing_since = CASE WHEN r.state IN ('PLANNING', 'WORKING') THEN r.failing_since END
RETURNING r.download_id, r.state IN ('PLANNING', 'WORKING')
"""
TAKE = """
WITH next AS (
    SELECT r.download_id FROM target_request r
     WHERE (r.until IS NULL OR r.until < now()) AND r.target = ANY(%(targets)s)
       AND ((r.state IN ('PLANNING', 'WORKING', 'STOPPING', 'LEAVING') AND r.next_look <= now())
            OR (r.state = 'COMPLETE' AND r.expires <= now())
            OR (r.state = 'WAITING' AND r.prepared_id IS NOT NULL AND NOT EXISTS (
                    SELECT FROM download d WHERE d.id = r.download_id AND NOT d.is_deleted
                       AND d.status IN ('QUEUED', 'PREPARING', 'RESTORING'))))
     ORDER BY r.next_look LIMIT %(most)s FOR UPDATE SKIP LOCKED)
UPDATE target_request r
   SET ticket = gen_random_uuid(), worker = %(worker)s, until = now() + %(lease)s,
       begun = coalesce(r.begun, now()),
       state = CASE r.state WHEN 'COMPLETE' THEN 'LEAVING' WHEN 'WAITING' THEN 'STOPPING' ELSE r.state END
  FROM next WHERE r.download_id = next.download_id
RETURNING r.download_id, r.target, r.state, r.ticket, r.prepared_id, r.problem
"""
RENEW = "UPDATE target_request SET until = now() + %s WHERE ticket = ANY(%s) RETURNING ticket"
RELEASE = "UPDATE target_request SET ticket = NULL, worker = NULL, until = NULL WHERE ticket = ANY(%s)"
ORDER = """
SELECT d.user_name, d.full_name, d.email, d.facility_name, d.file_name, d.size, d.prepared_id, r.visit, r.destination,
       r.files, r.target, r.plan::text, d.status = 'RESTORING' AND NOT d.is_deleted,
       ARRAY(SELECT g.name FROM "user" u JOIN user_group m ON m.user_id = u.id JOIN "grouping" g ON g.id = m.grouping_id
              WHERE u.name = d.user_name)
  FROM target_request r JOIN download d ON d.id = r.download_id WHERE r.download_id = %s
"""
HELD = """
SELECT coalesce(sum(CASE WHEN r.state = 'COMPLETE' THEN r.bytes_done ELSE greatest(r.size, d.size, 0) END), 0)::bigint
  FROM target_request r JOIN download d ON d.id = r.download_id
 WHERE r.target = %(target)s AND d.user_name = %(user)s AND r.download_id <> %(but)s
   AND (r.state IN ('WORKING', 'STOPPING', 'LEAVING') OR (r.state = 'COMPLETE' AND r.expires IS NOT NULL)
        OR (r.state IN ('WAITING', 'PLANNING') AND r.download_id < %(but)s AND NOT d.is_deleted
            AND d.status IN ('QUEUED', 'PREPARING', 'RESTORING')))
"""
VISITS = """
SELECT DISTINCT i.visit_id FROM dataset s JOIN investigation i ON i.id = s.investigation_id
 WHERE s.id = ANY(%s::bigint[]) LIMIT 2
"""
FENCED = "SELECT 1 FROM target_request WHERE download_id = %s AND ticket = %s FOR UPDATE"
FORGET_BATCHES = "DELETE FROM target_batch WHERE download_id = %s"
FORGET_FAILURES = "DELETE FROM target_failure WHERE download_id = %s"
FORGET_REPLICAS = "DELETE FROM replica WHERE download_id = %s"
PLANNED = """
UPDATE target_request
   SET state = 'WORKING', prepared_id = %(prepared)s, plan = gen_random_uuid(), visit = %(visit)s,
       files = %(files)s, size = %(size)s, files_done = 0,
       bytes_done = 0, failed = 0, eta = NULL, detail = NULL, access = NULL, reclaimed = NULL,
       begun = now(), ended = NULL, expires = NULL, problem = NULL, tries = 0, failing_since = NULL
 WHERE download_id = %(id)s
"""
RESUMED = "UPDATE target_request SET state = 'WORKING' WHERE download_id = %s"
BATCHES = """
INSERT INTO target_batch (download_id, number, round, run, place, span, state)
SELECT %s, w.number, 0, w.run, w.place, w.span, 'NEW'
  FROM unnest(%s::int[], %s::int[], %s::int[], %s::int[]) AS w (number, run, place, span)
"""
OPEN = """
SELECT number, round, run, place, span, chosen, ticket FROM target_batch
 WHERE download_id = %s AND state IN ('NEW', 'WORKING') AND number > %s ORDER BY number LIMIT %s
"""
BEGUN = "UPDATE target_batch SET state = 'WORKING', ticket = %s WHERE download_id = %s AND number = %s"
SETTLED = """
UPDATE target_batch SET state = %s, files_done = %s, bytes_done = %s WHERE download_id = %s AND number = %s
"""
AGAIN = """
INSERT INTO target_batch (download_id, number, round, run, place, span, chosen, state)
SELECT b.download_id, (SELECT max(number) + 1 FROM target_batch WHERE download_id = b.download_id), b.round + 1,
       b.run, b.place, b.span, %s, 'NEW'
  FROM target_batch b WHERE b.download_id = %s AND b.number = %s
"""
FAILURES = """
INSERT INTO target_failure (download_id, datafile_id, name, reason)
SELECT %s, w.id, w.name, w.reason FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS w (id, name, reason)
ON CONFLICT DO NOTHING
"""
REPLICAS = """
INSERT INTO replica (datafile_id, download_id, target, place, size, version, source_version, crc32, sha256)
SELECT w.id, %(download)s, %(target)s, w.place, w.size, w.version, w.version, w.crc32, w.sha256
  FROM unnest(%(ids)s::bigint[], %(places)s::text[], %(sizes)s::bigint[], %(versions)s::text[], %(crc32)s::bigint[],
              %(sha256)s::bytea[]) AS w (id, place, size, version, crc32, sha256)
 ORDER BY w.id
ON CONFLICT (datafile_id, download_id) DO UPDATE
   SET place = excluded.place, size = excluded.size, version = excluded.version,
       source_version = excluded.source_version, crc32 = excluded.crc32, sha256 = excluded.sha256
"""
ENDED_TOTAL = """
SELECT coalesce(sum(files_done), 0)::bigint, coalesce(sum(bytes_done), 0)::bigint FROM target_batch
 WHERE download_id = %s AND state NOT IN ('NEW', 'WORKING')
"""
ADVANCED = """
UPDATE target_request r
   SET files_done = %(files)s, bytes_done = %(bytes)s, eta = now() + %(eta)s, detail = %(detail)s, tries = 0,
       failing_since = NULL, problem = NULL
  FROM download d
 WHERE r.download_id = %(id)s AND r.ticket = %(ticket)s AND d.id = r.download_id
RETURNING d.status = 'RESTORING' AND NOT d.is_deleted
"""
TICKETS = "SELECT ticket FROM target_batch WHERE download_id = %s AND ticket IS NOT NULL ORDER BY number"
RUNS = """
SELECT number, round, run, place, span, chosen, ticket FROM target_batch
 WHERE download_id = %s AND round = 0 AND number > %s ORDER BY number LIMIT 1
"""
FAILED_FILES = """
SELECT datafile_id, name, reason FROM target_failure WHERE download_id = %s AND datafile_id > %s
 ORDER BY datafile_id LIMIT %s
"""
COUNT_FAILED = "SELECT count(*) FROM target_failure WHERE download_id = %s"
COMPLETE = """
UPDATE target_request r
   SET state = 'COMPLETE', access = %(access)s, failed = %(failed)s, ended = now(), expires = %(expires)s, eta = NULL,
       ticket = NULL, worker = NULL, until = NULL, problem = NULL
  FROM download d
 WHERE r.download_id = %(id)s AND r.ticket = %(ticket)s AND d.id = r.download_id AND d.status = 'RESTORING'
   AND NOT d.is_deleted
RETURNING r.download_id
"""
DOWNLOAD_COMPLETE = """
UPDATE download SET status = 'COMPLETE', completed = now(), tries = 0, failing_since = NULL, problem = %s
 WHERE id = %s AND status = 'RESTORING' AND NOT is_deleted
"""
REPLICAS_LIVE = "UPDATE replica SET expires = coalesce(%s::timestamptz, 'infinity') WHERE download_id = %s"
STOP = "UPDATE target_request SET state = 'STOPPING', problem = %s WHERE download_id = %s AND ticket = %s"
STOPPED = """
UPDATE target_request
   SET state = CASE WHEN problem IS NULL THEN 'CANCELED' ELSE 'FAILED' END, reclaimed = %s, prepared_id = NULL,
       ended = now(), eta = NULL, ticket = NULL, worker = NULL, until = NULL
 WHERE download_id = %s AND ticket = %s
"""
LEFT = """
UPDATE target_request
   SET state = 'EXPIRED', reclaimed = %s, prepared_id = NULL, ticket = NULL, worker = NULL, until = NULL
 WHERE download_id = %s AND ticket = %s
"""
DOWNLOAD_EXPIRED = "UPDATE download SET status = 'EXPIRED', problem = %s WHERE id = %s AND status = %s"
WAIT = """
UPDATE target_request SET state = 'WAITING', ticket = NULL, worker = NULL, until = NULL
 WHERE download_id = %s AND ticket = %s
RETURNING download_id
"""
LOOK_SOON = "UPDATE download SET next_look = now() WHERE id = %s AND status = 'RESTORING'"
PREPARE_ANEW = "UPDATE download SET status = 'PREPARING', next_look = now() WHERE id = %s AND status = 'RESTORING'"
LATER = """
UPDATE target_request
   SET problem = CASE WHEN state IN ('PLANNING', 'WORKING') THEN %(problem)s ELSE problem END,
       tries = tries + 1, failing_since = coalesce(failing_since, now()),
       next_look = now() + least(%(first)s * 2 ^ least(tries, 20), %(longest)s) * interval '1 second',
       ticket = NULL, worker = NULL, until = NULL
 WHERE download_id = %(id)s AND ticket = %(ticket)s
   AND (failing_since IS NULL OR failing_since > now() - %(give_up)s OR state IN ('STOPPING', 'LEAVING'))
RETURNING download_id
"""
