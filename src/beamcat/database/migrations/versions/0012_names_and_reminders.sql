-- Names that were changed and things that are gone, for permanent URLs; see triggers/5_names.sql.

CREATE TABLE former_name (
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('facility', 'investigation', 'dataset', 'datafile')),
    around_id bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    visit_id text COLLATE "C" NOT NULL,
    entity_id bigint NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (kind, around_id, name, visit_id)
);
CREATE TABLE tombstone (
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('investigation', 'dataset', 'datafile')),
    entity_id bigint NOT NULL,
    around_id bigint NOT NULL,
    facility text COLLATE "C" NOT NULL,
    investigation text COLLATE "C" NOT NULL,
    visit_id text COLLATE "C" NOT NULL,
    dataset text COLLATE "C",
    datafile text COLLATE "C",
    title text COLLATE "C",
    doi text COLLATE "C" NOT NULL,
    deleted timestamptz NOT NULL,
    PRIMARY KEY (kind, entity_id)
);
CREATE INDEX tombstone_names_idx ON tombstone (facility, investigation, visit_id);
CREATE INDEX tombstone_around_id_idx ON tombstone (kind, around_id);

-- former_name says what was once called otherwise, so that permanent URLs with old names lead to where things are now.
-- There is one row for each thing that was renamed or moved, at its own level: what lies in it keeps its name there.

CREATE FUNCTION name_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    before jsonb := to_jsonb(OLD);
BEGIN
    INSERT INTO former_name (kind, around_id, name, visit_id, entity_id, until)
    VALUES (TG_ARGV[0], coalesce((before ->> TG_ARGV[1])::bigint, 0), OLD.name, coalesce(before ->> 'visit_id', ''),
            OLD.id, now())
        ON CONFLICT (kind, around_id, name, visit_id) DO UPDATE
       SET entity_id = excluded.entity_id, until = excluded.until;
    RETURN NULL;
END
$$;

CREATE TRIGGER renamed AFTER UPDATE OF name ON facility
    FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name)
    EXECUTE FUNCTION name_changed('facility');
CREATE TRIGGER renamed AFTER UPDATE OF name, visit_id, facility_id ON investigation
    FOR EACH ROW WHEN ((OLD.name, OLD.visit_id, OLD.facility_id) IS DISTINCT FROM
                       (NEW.name, NEW.visit_id, NEW.facility_id))
    EXECUTE FUNCTION name_changed('investigation', 'facility_id');
CREATE TRIGGER renamed AFTER UPDATE OF name, investigation_id ON dataset
    FOR EACH ROW WHEN ((OLD.name, OLD.investigation_id) IS DISTINCT FROM (NEW.name, NEW.investigation_id))
    EXECUTE FUNCTION name_changed('dataset', 'investigation_id');
CREATE TRIGGER renamed AFTER UPDATE OF name, dataset_id ON datafile
    FOR EACH ROW WHEN ((OLD.name, OLD.dataset_id) IS DISTINCT FROM (NEW.name, NEW.dataset_id))
    EXECUTE FUNCTION name_changed('datafile', 'dataset_id');

-- tombstone says what had a DOI and is gone. Whatever deletes goes from below, so what a thing lay in is still there;
-- where it is not, there is no name to remember.

CREATE FUNCTION deleted_with_doi() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    names record;
BEGIN
    CASE TG_ARGV[0]
        WHEN 'investigation' THEN
            SELECT f.name AS facility, OLD.name AS investigation, OLD.visit_id, OLD.title, OLD.facility_id AS around_id,
                   NULL::text AS dataset, NULL::text AS datafile
              INTO names FROM facility f WHERE f.id = OLD.facility_id;
        WHEN 'dataset' THEN
            SELECT f.name AS facility, i.name AS investigation, i.visit_id, i.title, i.id AS around_id,
                   OLD.name AS dataset, NULL::text AS datafile
              INTO names
              FROM investigation i JOIN facility f ON f.id = i.facility_id WHERE i.id = OLD.investigation_id;
        WHEN 'datafile' THEN
            SELECT f.name AS facility, i.name AS investigation, i.visit_id, i.title, d.id AS around_id,
                   d.name AS dataset, OLD.name AS datafile
              INTO names
              FROM dataset d
              JOIN investigation i ON i.id = d.investigation_id
              JOIN facility f ON f.id = i.facility_id
             WHERE d.id = OLD.dataset_id;
    END CASE;
    IF FOUND THEN
        INSERT INTO tombstone (kind, entity_id, around_id, facility, investigation, visit_id, dataset, datafile, title,
                               doi, deleted)
        VALUES (TG_ARGV[0], OLD.id, names.around_id, names.facility, names.investigation, names.visit_id,
                names.dataset, names.datafile, names.title, OLD.doi, now())
            ON CONFLICT (kind, entity_id) DO UPDATE
           SET around_id = excluded.around_id, facility = excluded.facility, investigation = excluded.investigation,
               visit_id = excluded.visit_id, dataset = excluded.dataset, datafile = excluded.datafile,
               title = excluded.title, doi = excluded.doi, deleted = excluded.deleted;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER deleted_with_doi AFTER DELETE ON investigation
    FOR EACH ROW WHEN (OLD.doi IS NOT NULL) EXECUTE FUNCTION deleted_with_doi('investigation');
CREATE TRIGGER deleted_with_doi AFTER DELETE ON dataset
    FOR EACH ROW WHEN (OLD.doi IS NOT NULL) EXECUTE FUNCTION deleted_with_doi('dataset');
CREATE TRIGGER deleted_with_doi AFTER DELETE ON datafile
    FOR EACH ROW WHEN (OLD.doi IS NOT NULL) EXECUTE FUNCTION deleted_with_doi('datafile');

-- Prepared downloads whose files may be gone; see triggers/6_prepared.sql.

CREATE TABLE prepared_shrunk (
    prepared_id uuid PRIMARY KEY REFERENCES prepared (id) ON DELETE CASCADE,
    gone boolean NOT NULL DEFAULT false
);

-- prepared_shrunk says of which prepared downloads files may have been deleted from the catalogue. Whoever serves one
-- looks: with a row that is not `gone` it is not known yet.

CREATE FUNCTION prepared_files_deleted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO prepared_shrunk (prepared_id)
    SELECT p.id FROM prepared p
     WHERE p.datasets && (SELECT array_agg(DISTINCT dataset_id) FROM old_rows)
     ORDER BY p.id
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER prepared_on_delete AFTER DELETE ON datafile
    REFERENCING OLD TABLE AS old_rows EXECUTE FUNCTION prepared_files_deleted();

-- Reminders of downloads that have come to a stop.

ALTER TABLE download ADD reminded timestamptz;
CREATE INDEX download_prepared_id_idx ON download (prepared_id) WHERE prepared_id IS NOT NULL;
ALTER TABLE download_mail
    ADD about text COLLATE "C" NOT NULL DEFAULT 'ready' CHECK (about IN ('ready', 'stalled')),
    DROP CONSTRAINT download_mail_pkey,
    ADD PRIMARY KEY (download_id, about);
CREATE TABLE no_reminders (
    owner text COLLATE "C" PRIMARY KEY,
    since timestamptz NOT NULL
);
