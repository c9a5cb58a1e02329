-- What a worker remembers of rules, public steps and groups holds as long as this version stays the same.

CREATE FUNCTION rulebook_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE rulebook_version
       SET version = version + 1, changed_by = pg_current_xact_id()
     WHERE changed_by <> pg_current_xact_id();
    RETURN NULL;
END
$$;

CREATE TRIGGER rule_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON rule
    EXECUTE FUNCTION rulebook_changed();
CREATE TRIGGER public_step_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON public_step
    EXECUTE FUNCTION rulebook_changed();
CREATE TRIGGER grouping_changed AFTER INSERT OR UPDATE OF id, name OR DELETE OR TRUNCATE ON "grouping"
    EXECUTE FUNCTION rulebook_changed();
CREATE TRIGGER user_group_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON user_group
    EXECUTE FUNCTION rulebook_changed();
CREATE TRIGGER user_changed AFTER INSERT OR UPDATE OF id, name OR DELETE OR TRUNCATE ON "user"
    EXECUTE FUNCTION rulebook_changed();

-- investigation_reader says who reaches which investigation, on which path and in how many ways.
--
-- Two transactions that add the two halves of a path (an instrument's scientist, an instrument's investigation) must
-- not miss each other: both lock the row of the instrument (or grouping) before they look for the other half. One
-- statement must not change both halves: its triggers run when both changes are there and would count them twice. The
-- one such statement there is, deleting an instrument or grouping, has the first half deleted by a trigger of its own.

CREATE VIEW investigation_reader_source AS
SELECT user_id, investigation_id, 'user' AS path, count(*)::integer AS count
  FROM investigation_user
 GROUP BY user_id, investigation_id
UNION ALL
SELECT s.user_id, i.investigation_id, 'instrument', count(*)::integer
  FROM investigation_instrument i
  JOIN instrument_scientist s ON s.instrument_id = i.instrument_id
 GROUP BY s.user_id, i.investigation_id
UNION ALL
SELECT m.user_id, g.investigation_id, 'group', count(*)::integer
  FROM investigation_group g
  JOIN user_group m ON m.grouping_id = g.grouping_id
 GROUP BY m.user_id, g.investigation_id;

CREATE FUNCTION add_investigation_readers(its_path text, users bigint[], investigations bigint[]) RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO investigation_reader AS r (user_id, path, investigation_id, count)
    SELECT c.user_id, its_path, c.investigation_id, count(*)
      FROM unnest(users, investigations) AS c (user_id, investigation_id)
     GROUP BY c.user_id, c.investigation_id
     ORDER BY c.user_id, c.investigation_id
        ON CONFLICT (user_id, path, investigation_id) DO UPDATE SET count = r.count + excluded.count;
$$;

CREATE FUNCTION remove_investigation_readers(its_path text, users bigint[], investigations bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM FROM investigation_reader r
      JOIN (SELECT DISTINCT * FROM unnest(users, investigations) AS u (user_id, investigation_id)) c
        ON c.user_id = r.user_id AND c.investigation_id = r.investigation_id
     WHERE r.path = its_path
     ORDER BY r.user_id, r.investigation_id
       FOR UPDATE OF r;
    UPDATE investigation_reader r
       SET count = r.count - c.count
      FROM (SELECT u.user_id, u.investigation_id, count(*) AS count
              FROM unnest(users, investigations) AS u (user_id, investigation_id)
             GROUP BY u.user_id, u.investigation_id) c
     WHERE r.user_id = c.user_id AND r.investigation_id = c.investigation_id AND r.path = its_path;
    DELETE FROM investigation_reader r
     USING (SELECT DISTINCT * FROM unnest(users, investigations) AS u (user_id, investigation_id)) c
     WHERE r.user_id = c.user_id AND r.investigation_id = c.investigation_id AND r.path = its_path AND r.count = 0;
END
$$;

CREATE FUNCTION rebuild_investigation_readers() RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    LOCK TABLE investigation_user, investigation_instrument, instrument_scientist, investigation_group, user_group
        IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM investigation_reader;
    INSERT INTO investigation_reader (user_id, investigation_id, path, count)
    SELECT user_id, investigation_id, path, count FROM investigation_reader_source ORDER BY user_id, path;
END
$$;

CREATE FUNCTION investigation_users_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    users bigint[];
    investigations bigint[];
BEGIN
    IF TG_OP <> 'DELETE' THEN
        SELECT array_agg(user_id), array_agg(investigation_id) INTO users, investigations FROM new_rows;
        PERFORM add_investigation_readers('user', users, investigations);
    END IF;
    IF TG_OP <> 'INSERT' THEN
        SELECT array_agg(user_id), array_agg(investigation_id) INTO users, investigations FROM old_rows;
        PERFORM remove_investigation_readers('user', users, investigations);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION investigation_instruments_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    users bigint[];
    investigations bigint[];
BEGIN
    IF TG_OP <> 'DELETE' THEN
        PERFORM FROM instrument WHERE id IN (SELECT instrument_id FROM new_rows) ORDER BY id FOR NO KEY UPDATE;
        SELECT array_agg(s.user_id), array_agg(n.investigation_id) INTO users, investigations
          FROM new_rows n JOIN instrument_scientist s ON s.instrument_id = n.instrument_id;
        PERFORM add_investigation_readers('instrument', users, investigations);
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM FROM instrument WHERE id IN (SELECT instrument_id FROM old_rows) ORDER BY id FOR NO KEY UPDATE;
        SELECT array_agg(s.user_id), array_agg(o.investigation_id) INTO users, investigations
          FROM old_rows o JOIN instrument_scientist s ON s.instrument_id = o.instrument_id;
        PERFORM remove_investigation_readers('instrument', users, investigations);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION instrument_scientists_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    users bigint[];
    investigations bigint[];
BEGIN
    IF TG_OP <> 'DELETE' THEN
        PERFORM FROM instrument WHERE id IN (SELECT instrument_id FROM new_rows) ORDER BY id FOR NO KEY UPDATE;
        SELECT array_agg(n.user_id), array_agg(i.investigation_id) INTO users, investigations
          FROM new_rows n JOIN investigation_instrument i ON i.instrument_id = n.instrument_id;
        PERFORM add_investigation_readers('instrument', users, investigations);
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM FROM instrument WHERE id IN (SELECT instrument_id FROM old_rows) ORDER BY id FOR NO KEY UPDATE;
        SELECT array_agg(o.user_id), array_agg(i.investigation_id) INTO users, investigations
          FROM old_rows o JOIN investigation_instrument i ON i.instrument_id = o.instrument_id;
        PERFORM remove_investigation_readers('instrument', users, investigations);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION investigation_groups_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    users bigint[];
    investigations bigint[];
BEGIN
    IF TG_OP <> 'DELETE' THEN
        PERFORM FROM "grouping" WHERE id IN (SELECT grouping_id FROM new_rows) ORDER BY id FOR NO KEY UPDATE;
        SELECT array_agg(m.user_id), array_agg(n.investigation_id) INTO users, investigations
          FROM new_rows n JOIN user_group m ON m.grouping_id = n.grouping_id;
        PERFORM add_investigation_readers('group', users, investigations);
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM FROM "grouping" WHERE id IN (SELECT grouping_id FROM old_rows) ORDER BY id FOR NO KEY UPDATE;
        SELECT array_agg(m.user_id), array_agg(o.investigation_id) INTO users, investigations
          FROM old_rows o JOIN user_group m ON m.grouping_id = o.grouping_id;
        PERFORM remove_investigation_readers('group', users, investigations);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION user_groups_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    users bigint[];
    investigations bigint[];
BEGIN
    IF TG_OP <> 'DELETE' THEN
        PERFORM FROM "grouping" WHERE id IN (SELECT grouping_id FROM new_rows) ORDER BY id FOR NO KEY UPDATE;
        SELECT array_agg(n.user_id), array_agg(g.investigation_id) INTO users, investigations
          FROM new_rows n JOIN investigation_group g ON g.grouping_id = n.grouping_id;
        PERFORM add_investigation_readers('group', users, investigations);
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM FROM "grouping" WHERE id IN (SELECT grouping_id FROM old_rows) ORDER BY id FOR NO KEY UPDATE;
        SELECT array_agg(o.user_id), array_agg(g.investigation_id) INTO users, investigations
          FROM old_rows o JOIN investigation_group g ON g.grouping_id = o.grouping_id;
        PERFORM remove_investigation_readers('group', users, investigations);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION instrument_leaves_investigations() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM investigation_instrument WHERE instrument_id = OLD.id;
    RETURN OLD;
END
$$;

CREATE FUNCTION grouping_leaves_investigations() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM investigation_group WHERE grouping_id = OLD.id;
    RETURN OLD;
END
$$;

CREATE TRIGGER readers_on_insert AFTER INSERT ON investigation_user
    REFERENCING NEW TABLE AS new_rows EXECUTE FUNCTION investigation_users_changed();
CREATE TRIGGER readers_on_update AFTER UPDATE ON investigation_user
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows EXECUTE FUNCTION investigation_users_changed();
CREATE TRIGGER readers_on_delete AFTER DELETE ON investigation_user
    REFERENCING OLD TABLE AS old_rows EXECUTE FUNCTION investigation_users_changed();
CREATE TRIGGER readers_on_insert AFTER INSERT ON investigation_instrument
    REFERENCING NEW TABLE AS new_rows EXECUTE FUNCTION investigation_instruments_changed();
CREATE TRIGGER readers_on_update AFTER UPDATE ON investigation_instrument
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows EXECUTE FUNCTION investigation_instruments_changed();
CREATE TRIGGER readers_on_delete AFTER DELETE ON investigation_instrument
    REFERENCING OLD TABLE AS old_rows EXECUTE FUNCTION investigation_instruments_changed();
CREATE TRIGGER readers_on_insert AFTER INSERT ON instrument_scientist
    REFERENCING NEW TABLE AS new_rows EXECUTE FUNCTION instrument_scientists_changed();
CREATE TRIGGER readers_on_update AFTER UPDATE ON instrument_scientist
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows EXECUTE FUNCTION instrument_scientists_changed();
CREATE TRIGGER readers_on_delete AFTER DELETE ON instrument_scientist
    REFERENCING OLD TABLE AS old_rows EXECUTE FUNCTION instrument_scientists_changed();
CREATE TRIGGER readers_on_insert AFTER INSERT ON investigation_group
    REFERENCING NEW TABLE AS new_rows EXECUTE FUNCTION investigation_groups_changed();
CREATE TRIGGER readers_on_update AFTER UPDATE ON investigation_group
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows EXECUTE FUNCTION investigation_groups_changed();
CREATE TRIGGER readers_on_delete AFTER DELETE ON investigation_group
    REFERENCING OLD TABLE AS old_rows EXECUTE FUNCTION investigation_groups_changed();
CREATE TRIGGER readers_on_insert AFTER INSERT ON user_group
    REFERENCING NEW TABLE AS new_rows EXECUTE FUNCTION user_groups_changed();
CREATE TRIGGER readers_on_update AFTER UPDATE ON user_group
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows EXECUTE FUNCTION user_groups_changed();
CREATE TRIGGER readers_on_delete AFTER DELETE ON user_group
    REFERENCING OLD TABLE AS old_rows EXECUTE FUNCTION user_groups_changed();
CREATE TRIGGER readers_on_delete BEFORE DELETE ON instrument
    FOR EACH ROW EXECUTE FUNCTION instrument_leaves_investigations();
CREATE TRIGGER readers_on_delete BEFORE DELETE ON "grouping"
    FOR EACH ROW EXECUTE FUNCTION grouping_leaves_investigations();

-- The numbers and sizes of datafiles in their datasets and investigations, and the investigation of each datafile.
--
-- Locks are taken on datasets in the order of their ids, then on investigations. A dataset that is deleted takes its
-- numbers from its investigation itself; its datafiles, deleted after it, find no dataset any more. The modification
-- time of the parents stays. Sums of old and new rows are made without a join: PostgreSQL would plan it for the few
-- rows of the first statement, and go on like that for a million.

CREATE FUNCTION maintains_file_counts() RETURNS boolean LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT maintain_file_counts FROM catalogue_option
$$;

CREATE FUNCTION add_to_investigations(investigations bigint[], files bigint[], bytes bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM FROM investigation WHERE id = ANY (investigations) ORDER BY id FOR NO KEY UPDATE;
    UPDATE investigation i
       SET file_count = coalesce(i.file_count, 0) + c.files, file_size = coalesce(i.file_size, 0) + c.bytes
      FROM (SELECT u.id, sum(u.files)::bigint AS files, sum(u.bytes)::bigint AS bytes
              FROM unnest(investigations, files, bytes) AS u (id, files, bytes)
             GROUP BY u.id) c
     WHERE i.id = c.id AND (c.files <> 0 OR c.bytes <> 0);
END
$$;

-- Adds to the datasets and their investigations. The datasets stay locked: none moves until the transaction ends.
CREATE FUNCTION add_to_datasets(datasets bigint[], files bigint[], bytes bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    of_investigations bigint[];
    their_files bigint[];
    their_bytes bigint[];
BEGIN
    IF NOT maintains_file_counts() THEN
        PERFORM FROM dataset WHERE id = ANY (datasets) ORDER BY id FOR SHARE;
        RETURN;
    END IF;
    PERFORM FROM dataset WHERE id = ANY (datasets) ORDER BY id FOR NO KEY UPDATE;
    WITH changed AS (
        UPDATE dataset d
           SET file_count = coalesce(d.file_count, 0) + c.files, file_size = coalesce(d.file_size, 0) + c.bytes
          FROM (SELECT u.id, sum(u.files)::bigint AS files, sum(u.bytes)::bigint AS bytes
                  FROM unnest(datasets, files, bytes) AS u (id, files, bytes)
                 GROUP BY u.id) c
         WHERE d.id = c.id AND (c.files <> 0 OR c.bytes <> 0)
        RETURNING d.investigation_id, c.files, c.bytes
    )
    SELECT array_agg(c.investigation_id), array_agg(c.files), array_agg(c.bytes)
      INTO of_investigations, their_files, their_bytes
      FROM changed c;
    IF of_investigations IS NOT NULL THEN
        PERFORM add_to_investigations(of_investigations, their_files, their_bytes);
    END IF;
END
$$;

-- Whether some dataset belongs to another investigation than its datafiles were told.
CREATE FUNCTION investigations_differ(datasets bigint[], investigations bigint[]) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM unnest(datasets, investigations) AS u (id, investigation_id)
          JOIN dataset d ON d.id = u.id
         WHERE d.investigation_id IS DISTINCT FROM u.investigation_id
    );
END
$$;

CREATE FUNCTION datafiles_inserted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    datasets bigint[];
    investigations bigint[];
    files bigint[];
    bytes bigint[];
BEGIN
    SELECT array_agg(c.dataset_id), array_agg(c.investigation_id), array_agg(c.files), array_agg(c.bytes)
      INTO datasets, investigations, files, bytes
      FROM (SELECT dataset_id, investigation_id, count(*) AS files, coalesce(sum(file_size), 0)::bigint AS bytes
              FROM new_rows
             GROUP BY dataset_id, investigation_id) c;
    IF datasets IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM add_to_datasets(datasets, files, bytes);
    IF investigations_differ(datasets, investigations) THEN
        UPDATE datafile f
           SET investigation_id = d.investigation_id
          FROM new_rows n JOIN dataset d ON d.id = n.dataset_id
         WHERE f.id = n.id AND f.investigation_id IS DISTINCT FROM d.investigation_id;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION datafiles_updated() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    datasets bigint[];
    files bigint[];
    bytes bigint[];
    moved_to bigint[];
    investigations bigint[];
BEGIN
    SELECT array_agg(m.dataset_id), array_agg(m.investigation_id)
      INTO moved_to, investigations
      FROM (SELECT DISTINCT dataset_id, investigation_id
              FROM (SELECT id, dataset_id, investigation_id FROM new_rows
                    EXCEPT SELECT id, dataset_id, investigation_id FROM old_rows) moved) m;
    SELECT array_agg(c.dataset_id), array_agg(c.files), array_agg(c.bytes)
      INTO datasets, files, bytes
      FROM (SELECT dataset_id, sum(files)::bigint AS files, sum(bytes)::bigint AS bytes
              FROM (SELECT dataset_id, 1 AS files, coalesce(file_size, 0) AS bytes FROM new_rows
                    UNION ALL SELECT dataset_id, -1, -coalesce(file_size, 0) FROM old_rows) both_rows
             GROUP BY dataset_id
            HAVING sum(files) <> 0 OR sum(bytes) <> 0) c;
    IF moved_to IS NULL AND datasets IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM add_to_datasets(
        datasets || moved_to,
        files || array_fill(0::bigint, ARRAY[coalesce(cardinality(moved_to), 0)]),
        bytes || array_fill(0::bigint, ARRAY[coalesce(cardinality(moved_to), 0)])
    );
    IF investigations_differ(moved_to, investigations) THEN
        UPDATE datafile f
           SET investigation_id = d.investigation_id
          FROM new_rows n JOIN dataset d ON d.id = n.dataset_id
         WHERE f.id = n.id AND f.investigation_id IS DISTINCT FROM d.investigation_id;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION datafiles_deleted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    datasets bigint[];
    files bigint[];
    bytes bigint[];
BEGIN
    SELECT array_agg(c.dataset_id), array_agg(c.files), array_agg(c.bytes)
      INTO datasets, files, bytes
      FROM (SELECT dataset_id, -count(*) AS files, -coalesce(sum(file_size), 0)::bigint AS bytes
              FROM old_rows
             GROUP BY dataset_id) c;
    IF datasets IS NOT NULL THEN
        PERFORM add_to_datasets(datasets, files, bytes);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION datasets_deleted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    investigations bigint[];
    files bigint[];
    bytes bigint[];
BEGIN
    IF NOT maintains_file_counts() THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(investigation_id), array_agg(-coalesce(file_count, 0)), array_agg(-coalesce(file_size, 0))
      INTO investigations, files, bytes
      FROM old_rows
     WHERE file_count <> 0 OR file_size <> 0;
    IF investigations IS NOT NULL THEN
        PERFORM add_to_investigations(investigations, files, bytes);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION dataset_moved() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF maintains_file_counts() THEN
        PERFORM add_to_investigations(
            ARRAY[OLD.investigation_id, NEW.investigation_id],
            ARRAY[-coalesce(OLD.file_count, 0), coalesce(OLD.file_count, 0)],
            ARRAY[-coalesce(OLD.file_size, 0), coalesce(OLD.file_size, 0)]
        );
    END IF;
    UPDATE datafile SET investigation_id = NEW.investigation_id WHERE dataset_id = NEW.id;
    RETURN NULL;
END
$$;

-- Whether the numbers are kept; switching on counts everything anew.
CREATE FUNCTION maintain_file_counts(wanted boolean) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF maintains_file_counts() = wanted THEN
        RETURN;
    END IF;
    LOCK TABLE datafile, dataset, investigation IN SHARE ROW EXCLUSIVE MODE;
    UPDATE catalogue_option SET maintain_file_counts = wanted WHERE maintain_file_counts <> wanted;
    IF NOT FOUND THEN  -- another worker was faster
        RETURN;
    END IF;
    IF wanted THEN
        UPDATE dataset d
           SET file_count = coalesce(c.files, 0), file_size = coalesce(c.bytes, 0)
          FROM dataset e
          LEFT JOIN (SELECT dataset_id, count(*) AS files, sum(file_size)::bigint AS bytes
                       FROM datafile GROUP BY dataset_id) c ON c.dataset_id = e.id
         WHERE d.id = e.id
           AND (d.file_count, d.file_size) IS DISTINCT FROM (coalesce(c.files, 0), coalesce(c.bytes, 0));
        UPDATE investigation i
           SET file_count = coalesce(c.files, 0), file_size = coalesce(c.bytes, 0)
          FROM investigation j
          LEFT JOIN (SELECT investigation_id, sum(file_count)::bigint AS files, sum(file_size)::bigint AS bytes
                       FROM dataset GROUP BY investigation_id) c ON c.investigation_id = j.id
         WHERE i.id = j.id
           AND (i.file_count, i.file_size) IS DISTINCT FROM (coalesce(c.files, 0), coalesce(c.bytes, 0));
    END IF;
END
$$;

CREATE TRIGGER counted_on_insert AFTER INSERT ON datafile
    REFERENCING NEW TABLE AS new_rows EXECUTE FUNCTION datafiles_inserted();
CREATE TRIGGER counted_on_update AFTER UPDATE ON datafile
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows EXECUTE FUNCTION datafiles_updated();
CREATE TRIGGER counted_on_delete AFTER DELETE ON datafile
    REFERENCING OLD TABLE AS old_rows EXECUTE FUNCTION datafiles_deleted();
CREATE TRIGGER counted_on_delete AFTER DELETE ON dataset
    REFERENCING OLD TABLE AS old_rows EXECUTE FUNCTION datasets_deleted();
CREATE TRIGGER counted_on_move AFTER UPDATE OF investigation_id ON dataset
    FOR EACH ROW WHEN (OLD.investigation_id IS DISTINCT FROM NEW.investigation_id) EXECUTE FUNCTION dataset_moved();

-- Partitions of datafile and datafile_parameter by ranges of datafile ids, when the catalogue was made with them.
--
-- A key (dataset, name) cannot span partitions. Each partition has its own; whether another partition knows the name
-- is asked by a trigger after the datasets were locked by the one that counts (triggers run in the order of their
-- names), so that two transactions cannot both find it free.

-- Asks the table of tables, for to_regclass() may remember that there was none before another transaction made it.
CREATE FUNCTION has_datafile_partition(number bigint) RETURNS boolean LANGUAGE sql SET search_path FROM CURRENT AS $$
    SELECT EXISTS (
        SELECT FROM pg_class p JOIN pg_class t ON t.relnamespace = p.relnamespace
         WHERE t.oid = 'datafile'::regclass AND p.relname = 'datafile_parameter_p' || number
    )
$$;

-- Makes the partitions up to the one of the datafile `highest`, and the next. Does nothing for plain tables.
CREATE FUNCTION ensure_datafile_partitions(highest bigint) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    rows bigint := (SELECT datafile_partition_rows FROM catalogue_option);
    partition bigint;
    first bigint;
BEGIN
    IF rows = 0 THEN
        RETURN;
    END IF;
    partition := highest / rows + 1;
    IF has_datafile_partition(partition) THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock('datafile'::regclass::oid::bigint);
    WHILE partition >= 0 AND NOT has_datafile_partition(partition) LOOP
        first := partition * rows;
        EXECUTE format('CREATE TABLE datafile_p%s (LIKE datafile INCLUDING DEFAULTS INCLUDING CONSTRAINTS, '
                       'CONSTRAINT datafile_p%1$s_pkey PRIMARY KEY (id), '
                       'CONSTRAINT datafile_p%1$s_key UNIQUE (dataset_id, name))', partition);
        EXECUTE format('ALTER TABLE datafile ATTACH PARTITION datafile_p%s FOR VALUES FROM (%s) TO (%s)',
                       partition, first, first + rows);
        EXECUTE format('CREATE TABLE datafile_parameter_p%s '
                       '(LIKE datafile_parameter INCLUDING DEFAULTS INCLUDING CONSTRAINTS, '
                       'CONSTRAINT datafile_parameter_p%1$s_pkey PRIMARY KEY (id, datafile_id), '
                       'CONSTRAINT datafile_parameter_p%1$s_key UNIQUE (datafile_id, type_id))', partition);
        EXECUTE format('ALTER TABLE datafile_parameter ATTACH PARTITION datafile_parameter_p%s '
                       'FOR VALUES FROM (%s) TO (%s)', partition, first, first + rows);
        partition := partition - 1;
    END LOOP;
END
$$;

CREATE FUNCTION datafile_names_are_unique() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    rows bigint := (SELECT datafile_partition_rows FROM catalogue_option);
    first bigint;
    beyond bigint;
    twin record;
BEGIN
    SELECT min(id) / rows * rows, (max(id) / rows + 1) * rows INTO first, beyond FROM new_rows;
    -- The usual case: one partition gets all rows, and no other one knows their datasets.
    IF first IS NULL OR beyond - first = rows AND NOT EXISTS (
        SELECT FROM (SELECT DISTINCT dataset_id FROM new_rows) n,
                    LATERAL (SELECT FROM datafile f
                              WHERE f.dataset_id = n.dataset_id AND (f.id < first OR f.id >= beyond)
                              LIMIT 1) f
    ) THEN
        RETURN NULL;
    END IF;
    SELECT n.dataset_id, n.name INTO twin
      FROM new_rows n
      JOIN datafile f ON f.dataset_id = n.dataset_id AND f.name = n.name AND f.id <> n.id
     LIMIT 1;
    IF FOUND THEN
        RAISE unique_violation USING
            MESSAGE = 'duplicate key value violates unique constraint "datafile_key"',
            DETAIL = format('Key (dataset_id, name)=(%s, %s) already exists.', twin.dataset_id, twin.name),
            SCHEMA = TG_TABLE_SCHEMA,
            TABLE = TG_TABLE_NAME,
            CONSTRAINT = 'datafile_key';
    END IF;
    RETURN NULL;
END
$$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE oid = 'datafile'::regclass AND relkind = 'p') THEN
        CREATE TRIGGER unique_on_insert AFTER INSERT ON datafile
            REFERENCING NEW TABLE AS new_rows EXECUTE FUNCTION datafile_names_are_unique();
        CREATE TRIGGER unique_on_update AFTER UPDATE ON datafile
            REFERENCING NEW TABLE AS new_rows EXECUTE FUNCTION datafile_names_are_unique();
    END IF;
END
$$;
