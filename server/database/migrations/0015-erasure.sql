-- What the ledger, a file outside the database, is held against at every start.
CREATE TABLE ledger_state (
  id integer PRIMARY KEY CHECK (id = 1),
  -- the ledger gets the same number right after the row: a ledger with a higher one belongs to a newer state of this database
  mark bigint NOT NULL,
  marked_at timestamptz,
  -- the newest access event of that mark; without a newer one there is nothing to mark
  marked_event uuid,
  -- when this database was last recognised as older than the ledger
  older_at timestamptz,
  -- what of the ledger is not as it was written, as it was last told
  told text NOT NULL
);
INSERT INTO ledger_state VALUES (1, 0, NULL, NULL, NULL, '');

-- Why a message is gone since `recalled_at`.
ALTER TABLE messages ADD COLUMN erased_why text CHECK (erased_why IN ('recalled', 'erased', 'expired'));
UPDATE messages SET erased_why = 'recalled' WHERE recalled_at IS NOT NULL;

-- One for each message that was destroyed: a signed note without any content.
CREATE TABLE destruction_certificates (
  message_id uuid PRIMARY KEY REFERENCES messages,
  why text NOT NULL CHECK (why IN ('recalled', 'erased', 'expired')),
  sent_at timestamptz NOT NULL,
  erased_at timestamptz NOT NULL,
  file_count integer NOT NULL,
  -- of an administrator: their words, sealed
  reason_sealed bytea,
  erased_by uuid REFERENCES accounts,
  note text NOT NULL
);
CREATE INDEX ON destruction_certificates (erased_at);

-- A legal hold on a message, on a conversation, or on all that a person takes part in.
CREATE TABLE legal_holds (
  id uuid PRIMARY KEY,
  message_id uuid REFERENCES messages,
  thread_id uuid REFERENCES threads,
  account_id uuid REFERENCES accounts,
  reason_sealed bytea NOT NULL,
  placed_by uuid NOT NULL REFERENCES accounts,
  placed_at timestamptz NOT NULL,
  lifted_by uuid REFERENCES accounts,
  lifted_at timestamptz,
  lift_reason_sealed bytea,
  CHECK (num_nonnulls(message_id, thread_id, account_id) = 1),
  CHECK ((lifted_at IS NULL) = (lifted_by IS NULL) AND (lifted_at IS NULL) = (lift_reason_sealed IS NULL))
);
CREATE INDEX ON legal_holds (placed_at);

GRANT SELECT, UPDATE ON ledger_state TO :app_role;
GRANT SELECT, INSERT ON destruction_certificates TO :app_role;
GRANT SELECT, INSERT, UPDATE ON legal_holds TO :app_role;
