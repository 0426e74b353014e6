-- People at work: access that was suspended, given back or ended, conversations that were handed over, and lists of people that wait for their button.

-- `suspended`: nobody gets in, nothing is forgotten, and it can be taken back.
ALTER TABLE accounts DROP CONSTRAINT accounts_state_check;
ALTER TABLE accounts ADD CONSTRAINT accounts_state_check CHECK (state IN ('invited', 'active', 'suspended', 'closed'));

-- What an administrator changed of somebody's access, why, and whether those outside who have to hear of an end were told.
CREATE TABLE access_changes (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts,
  kind text NOT NULL CHECK (kind IN ('suspended', 'reopened', 'closed', 'role-changed')),
  was text NOT NULL,
  became text NOT NULL,
  reason_sealed bytea NOT NULL,
  changed_by uuid NOT NULL REFERENCES accounts,
  changed_at timestamptz NOT NULL,
  told_at timestamptz,
  told_by uuid REFERENCES accounts,
  CHECK ((told_at IS NULL) = (told_by IS NULL))
);
CREATE INDEX ON access_changes (account_id, changed_at DESC);
CREATE INDEX ON access_changes (changed_at DESC, id DESC);

-- Who answers in a conversation since when, in place of whom.
CREATE TABLE thread_handovers (
  id uuid PRIMARY KEY,
  thread_id uuid NOT NULL REFERENCES threads,
  from_mailbox_id uuid NOT NULL REFERENCES mailboxes,
  to_mailbox_id uuid NOT NULL REFERENCES mailboxes,
  handed_over_by uuid NOT NULL REFERENCES accounts,
  handed_over_at timestamptz NOT NULL
);
CREATE INDEX ON thread_handovers (thread_id, handed_over_at);

-- A list of people that was read and not yet invited: sealed, for an hour, for whoever brought it.
CREATE TABLE people_lists (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts,
  list_sealed bytea NOT NULL,
  made_at timestamptz NOT NULL,
  used_at timestamptz
);

GRANT SELECT, INSERT, UPDATE ON access_changes, thread_handovers TO :app_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON people_lists TO :app_role;
