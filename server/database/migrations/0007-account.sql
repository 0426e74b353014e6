-- What people change about themselves: another e-mail address, which both mailboxes hear of, and the links by which somebody says that a
-- change to their sign-in was not theirs.

CREATE TABLE address_changes (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts,
  old_email_sealed bytea NOT NULL,
  new_email_sealed bytea NOT NULL,
  -- of the link to the new address, which confirms, and of the one to the old address, which confirms, stops and restores
  new_link_digest bytea NOT NULL UNIQUE,
  old_link_digest bytea NOT NULL UNIQUE,
  asked_at timestamptz NOT NULL,
  new_confirmed_at timestamptz,
  old_confirmed_at timestamptz,
  changed_at timestamptz,
  cancelled_at timestamptz,
  -- when the clock goes on with it: it lapses (24 hours after it was asked for), it goes through by itself (72 hours after), or it can no
  -- longer be taken back (72 hours after it went through)
  ends_at timestamptz NOT NULL
);
CREATE INDEX ON address_changes (account_id);
CREATE UNIQUE INDEX address_changes_open ON address_changes (account_id) WHERE changed_at IS NULL AND cancelled_at IS NULL;

-- One notice of one change, and the link in it
CREATE TABLE security_links (
  id uuid PRIMARY KEY,
  digest bytea NOT NULL UNIQUE,
  account_id uuid NOT NULL REFERENCES accounts,
  change text NOT NULL,
  happened_at timestamptz NOT NULL,
  made_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  UNIQUE (account_id, change, happened_at)
);

-- Who opened what somebody wrote
CREATE INDEX ON messages (author_account_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON address_changes, security_links TO :app_role;
