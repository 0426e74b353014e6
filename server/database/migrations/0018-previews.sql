-- A file beside its bytes: whether it was looked at for malware, and what was drawn of it.
ALTER TABLE attachments ADD COLUMN check_state text NOT NULL DEFAULT 'not-checked'
  CHECK (check_state IN ('not-checked', 'checking', 'clean', 'blocked', 'held'));
-- Files from before were not checked; a new one says what it is.
ALTER TABLE attachments ALTER COLUMN check_state DROP DEFAULT;
-- The file key under the master key (purpose checking), only while the file is being checked.
ALTER TABLE attachments ADD COLUMN check_key_sealed bytea;
ALTER TABLE attachments ADD CHECK ((check_key_sealed IS NOT NULL) = (check_state IN ('checking', 'held')));
ALTER TABLE attachments ADD COLUMN check_tries integer NOT NULL DEFAULT 0;
ALTER TABLE attachments ADD COLUMN checked_at timestamptz;
-- How many pages there are, and why there is no preview, under the file key.
ALTER TABLE attachments ADD COLUMN drawn_sealed bytea;
CREATE INDEX ON attachments (check_state) WHERE check_state IN ('checking', 'held');

-- Pages as pictures, sealed as files of their own under the file key.
CREATE TABLE attachment_previews (
  attachment_id uuid NOT NULL REFERENCES attachments ON DELETE CASCADE,
  page integer NOT NULL CHECK (page > 0),
  file_id uuid NOT NULL UNIQUE,
  -- its size, and what stands on it
  text_sealed bytea NOT NULL,
  PRIMARY KEY (attachment_id, page)
);
GRANT SELECT, INSERT, DELETE ON attachment_previews TO :app_role;
