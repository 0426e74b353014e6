-- Uploads that come in pieces, until they are whole: then the file is an attachment in no draft yet. A piece is a whole number of segments of the
-- file's envelope; where it rests is told by the number behind the upload's id.
CREATE TABLE uploads (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts,
  mailbox_id uuid NOT NULL REFERENCES mailboxes,
  mailbox_version integer NOT NULL CHECK (mailbox_version > 0),
  -- to the mailbox's public half; the session's reader opens it anew for each piece
  key_sealed bytea NOT NULL,
  header bytea NOT NULL,
  -- name and size, under the file key
  label_sealed bytea NOT NULL,
  -- of the sealed and padded file, as anybody could see it on the disk at the end
  kilobytes integer NOT NULL,
  segments integer NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0,
  begun_at timestamptz NOT NULL,
  used_at timestamptz NOT NULL,
  finishing_until timestamptz
);
CREATE INDEX ON uploads (account_id);
CREATE INDEX ON uploads (used_at);

CREATE TABLE upload_pieces (
  upload_id uuid NOT NULL REFERENCES uploads ON DELETE CASCADE,
  -- of its first segment
  segment integer NOT NULL,
  number integer NOT NULL,
  PRIMARY KEY (upload_id, segment)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON uploads, upload_pieces TO :app_role;
