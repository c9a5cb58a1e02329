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
