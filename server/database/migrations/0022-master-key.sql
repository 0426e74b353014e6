-- Versions of the master key that replace each other while everybody goes on.

-- One row a rotation, from being asked for until its earlier versions are destroyed. Whatever is cut off is found here and goes on.
CREATE TABLE master_key_rotations (
  id uuid PRIMARY KEY,
  asked_at timestamptz NOT NULL,
  -- this version and every one below it go
  from_version integer NOT NULL,
  -- what they are replaced by; NULL until it was made
  to_version integer CHECK (to_version > from_version),
  -- from then on new seals are under it
  in_use_at timestamptz,
  -- how many rows had to be sealed again when that began, and how many were so far
  rows_to_reseal bigint,
  rows_resealed bigint NOT NULL DEFAULT 0,
  -- from then on no row may be written under the earlier versions
  retiring_at timestamptz,
  finished_at timestamptz
);
CREATE INDEX ON master_key_rotations (from_version) WHERE retiring_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON master_key_rotations TO :app_role;

-- The deployment's own keys are sealed again under another version.
GRANT UPDATE (key_wrapped) ON vault_keys TO :app_role;

-- Whoever writes what is sealed under a version holds that version until the end of their transaction, so that nobody destroys it before they can see
-- what was written with it; once it is to be destroyed, nothing is written with it any more.
CREATE FUNCTION hold_master_key_version(sealed bytea) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  sealed_under integer;
BEGIN
  -- What is shorter is no seal, and opens nowhere.
  IF octet_length(sealed) < 4 THEN RETURN; END IF;
  sealed_under := (get_byte(sealed, 0) << 24) | (get_byte(sealed, 1) << 16) | (get_byte(sealed, 2) << 8) | get_byte(sealed, 3);
  PERFORM pg_advisory_xact_lock_shared(7203533, sealed_under);
  IF EXISTS (SELECT FROM master_key_rotations WHERE retiring_at IS NOT NULL AND from_version >= sealed_under) THEN
    RAISE EXCEPTION 'version % of the master key was retired', sealed_under USING ERRCODE = 'LLK01';
  END IF;
END $$;

CREATE FUNCTION hold_version_of_vault_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM hold_master_key_version(NEW.key_wrapped); RETURN NEW; END $$;
CREATE TRIGGER hold_version BEFORE INSERT OR UPDATE OF key_wrapped ON vault_keys
  FOR EACH ROW WHEN (NEW.key_wrapped IS NOT NULL) EXECUTE FUNCTION hold_version_of_vault_key();

CREATE FUNCTION hold_version_of_opener() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM hold_master_key_version(NEW.envelope); RETURN NEW; END $$;
CREATE TRIGGER hold_version BEFORE INSERT OR UPDATE OF envelope ON openers
  FOR EACH ROW WHEN (NEW.kind = 'waiting') EXECUTE FUNCTION hold_version_of_opener();

CREATE FUNCTION hold_version_of_wrap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM hold_master_key_version(NEW.wrap); RETURN NEW; END $$;
CREATE TRIGGER hold_version BEFORE INSERT OR UPDATE OF wrap ON thread_key_wraps
  FOR EACH ROW EXECUTE FUNCTION hold_version_of_wrap();

CREATE FUNCTION hold_version_of_check_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM hold_master_key_version(NEW.check_key_sealed); RETURN NEW; END $$;
CREATE TRIGGER hold_version BEFORE INSERT OR UPDATE OF check_key_sealed ON attachments
  FOR EACH ROW WHEN (NEW.check_key_sealed IS NOT NULL) EXECUTE FUNCTION hold_version_of_check_key();
