-- Exports of the access log and of reports: later work that ends as a sealed file, which is erased after a day.

CREATE TABLE exports (
  id uuid PRIMARY KEY,
  asked_by uuid NOT NULL REFERENCES accounts,
  asked_at timestamptz NOT NULL,
  kind text NOT NULL CHECK (kind IN ('events', 'accesses', 'disclosures', 'activity', 'coverage', 'touched')),
  format text NOT NULL CHECK (format IN ('csv', 'ndjson', 'pdf')),
  -- of whom and what; it may name a network address
  filter_sealed bytea NOT NULL,
  state text NOT NULL CHECK (state IN ('preparing', 'ready', 'failed', 'cancelled', 'expired')),
  -- why it failed, as a word that the pages know
  why text,
  -- lines so far, and how many there will be where that is known
  row_count bigint NOT NULL DEFAULT 0,
  expected bigint,
  -- whose turn it is to prepare it: whoever has another token than this one was replaced
  token integer NOT NULL DEFAULT 0,
  seen_at timestamptz NOT NULL,
  -- the sealed file of this turn, under a key of its own
  file_id uuid UNIQUE,
  key_sealed bytea,
  -- of the clear file
  byte_count bigint,
  sha256 bytea,
  ready_at timestamptz
);
CREATE INDEX ON exports (asked_at);
CREATE INDEX ON exports (state) WHERE state IN ('preparing', 'ready');

-- Which message a file belonged to that was destroyed with it: the log names the file alone, and a report of years must still say whose it was.
CREATE TABLE former_attachments (
  attachment_id uuid PRIMARY KEY,
  message_id uuid NOT NULL REFERENCES messages
);
CREATE INDEX ON former_attachments (message_id);
CREATE FUNCTION remember_attachment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO former_attachments (attachment_id, message_id) VALUES (OLD.id, OLD.message_id) ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER remember AFTER DELETE ON attachments
  FOR EACH ROW WHEN (OLD.message_id IS NOT NULL) EXECUTE FUNCTION remember_attachment();

-- What left the organisation about a patient, as somebody here wrote it down (45 CFR 164.528). Never changed; an entry made in error is marked so.
CREATE TABLE disclosures (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts,
  disclosed_at timestamptz NOT NULL,
  purpose text NOT NULL,
  recipient_sealed bytea NOT NULL,
  what_sealed bytea NOT NULL,
  why_sealed bytea NOT NULL,
  recorded_by uuid NOT NULL REFERENCES accounts,
  recorded_at timestamptz NOT NULL,
  withdrawn_by uuid REFERENCES accounts,
  withdrawn_at timestamptz,
  CHECK ((withdrawn_by IS NULL) = (withdrawn_at IS NULL))
);
CREATE INDEX ON disclosures (account_id, disclosed_at);

GRANT SELECT, INSERT, UPDATE ON exports TO :app_role;
GRANT SELECT ON former_attachments TO :app_role;
GRANT SELECT, INSERT ON disclosures TO :app_role;
GRANT UPDATE (withdrawn_by, withdrawn_at) ON disclosures TO :app_role;
