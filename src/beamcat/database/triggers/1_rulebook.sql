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
