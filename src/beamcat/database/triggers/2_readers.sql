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
