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
