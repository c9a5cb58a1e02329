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
