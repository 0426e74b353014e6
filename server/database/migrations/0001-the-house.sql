-- The tables of the first release. Everything that ends in _sealed, _wrapped, envelope or wrap is ciphertext;
-- everything that ends in _digest is an HMAC. security.md of the design says under which key.
-- :app_role is the application's role. It owns nothing here but the jobs' schema.

CREATE TABLE installation (
  name text PRIMARY KEY,
  value text NOT NULL
);

CREATE TABLE vault_keys (
  name text PRIMARY KEY,
  key_wrapped bytea NOT NULL,
  public_half bytea,
  public_mac bytea,
  created_at timestamptz NOT NULL
);

-- People, teams and what they read from

CREATE TABLE accounts (
  id uuid PRIMARY KEY,
  role text NOT NULL CHECK (role IN ('patient', 'provider', 'admin', 'auditor')),
  state text NOT NULL CHECK (state IN ('invited', 'active', 'closed')),
  email_digest bytea NOT NULL UNIQUE,
  email_sealed bytea NOT NULL,
  name_sealed bytea,
  invited_at timestamptz NOT NULL,
  enrolled_at timestamptz,
  last_signed_in_at timestamptz
);

CREATE TABLE teams (
  id uuid PRIMARY KEY,
  name_sealed bytea NOT NULL,
  created_at timestamptz NOT NULL
);

CREATE TABLE team_members (
  team_id uuid NOT NULL REFERENCES teams,
  account_id uuid NOT NULL REFERENCES accounts,
  joined_at timestamptz NOT NULL,
  PRIMARY KEY (team_id, account_id)
);
CREATE INDEX ON team_members (account_id);

CREATE TABLE mailboxes (
  id uuid PRIMARY KEY,
  account_id uuid UNIQUE REFERENCES accounts,
  team_id uuid UNIQUE REFERENCES teams,
  created_at timestamptz NOT NULL,
  CHECK ((account_id IS NULL) <> (team_id IS NULL))
);

CREATE TABLE mailbox_keys (
  mailbox_id uuid NOT NULL REFERENCES mailboxes,
  version integer NOT NULL,
  public_half bytea NOT NULL,
  public_mac bytea NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (mailbox_id, version)
);

CREATE TABLE openers (
  id uuid PRIMARY KEY,
  mailbox_id uuid NOT NULL,
  mailbox_version integer NOT NULL,
  kind text NOT NULL CHECK (kind IN ('password', 'passkey', 'recovery-code', 'member', 'recovery', 'waiting')),
  -- for `member`: whose public half it is sealed to
  account_id uuid REFERENCES accounts,
  -- for `recovery-code`: by which the code is found
  code_digest bytea UNIQUE,
  envelope bytea NOT NULL,
  created_at timestamptz NOT NULL,
  FOREIGN KEY (mailbox_id, mailbox_version) REFERENCES mailbox_keys
);
CREATE INDEX ON openers (mailbox_id, kind);

-- What a mailed link finds: an account to make or sign in to, and the message behind the sign-in. It carries no authority of its own.
CREATE TABLE links (
  digest bytea PRIMARY KEY,
  account_id uuid REFERENCES accounts,
  message_id uuid,
  created_at timestamptz NOT NULL
);

-- Sign-in

CREATE TABLE credentials (
  account_id uuid PRIMARY KEY REFERENCES accounts,
  password_salt bytea NOT NULL,
  password_parameters text NOT NULL,
  password_verifier bytea NOT NULL,
  totp_secret_sealed bytea NOT NULL,
  totp_last_step bigint NOT NULL,
  changed_at timestamptz NOT NULL
);

-- One attempt at making a sign-in. Attempts do not see each other; the first to be completed wins, the others end.
CREATE TABLE enrolments (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts,
  state text NOT NULL CHECK (state IN ('password-set', 'second-factor-pending')),
  password_salt bytea NOT NULL,
  password_parameters text NOT NULL,
  password_verifier bytea NOT NULL,
  opener_envelope bytea NOT NULL,
  totp_secret_sealed bytea,
  expires_at timestamptz NOT NULL
);
CREATE INDEX ON enrolments (account_id);

CREATE TABLE sessions (
  sid text PRIMARY KEY,
  sess json NOT NULL,
  expire timestamptz NOT NULL
);
CREATE INDEX ON sessions (expire);
CREATE INDEX ON sessions ((sess->>'accountId'));

CREATE TABLE rate_limits (
  key text PRIMARY KEY,
  points integer NOT NULL DEFAULT 0,
  expire bigint
);

-- Messages

CREATE TABLE threads (
  id uuid PRIMARY KEY,
  created_at timestamptz NOT NULL
);

-- A thread as one of its mailboxes sees it: kept here so that a list asks one index.
CREATE TABLE thread_mailboxes (
  thread_id uuid NOT NULL REFERENCES threads,
  mailbox_id uuid NOT NULL REFERENCES mailboxes,
  last_message_id uuid NOT NULL,
  last_message_at timestamptz NOT NULL,
  last_from_mailbox_id uuid NOT NULL,
  unread_count integer NOT NULL DEFAULT 0,
  PRIMARY KEY (thread_id, mailbox_id)
);
CREATE INDEX ON thread_mailboxes (mailbox_id, last_message_at DESC, thread_id DESC);

CREATE TABLE thread_keys (
  id uuid PRIMARY KEY,
  thread_id uuid NOT NULL REFERENCES threads,
  created_at timestamptz NOT NULL
);
CREATE INDEX ON thread_keys (thread_id);

CREATE TABLE thread_key_wraps (
  thread_key_id uuid NOT NULL REFERENCES thread_keys,
  mailbox_id uuid NOT NULL,
  mailbox_version integer NOT NULL,
  kind text NOT NULL CHECK (kind IN ('public', 'private')),
  wrap bytea NOT NULL,
  PRIMARY KEY (thread_key_id, mailbox_id),
  FOREIGN KEY (mailbox_id, mailbox_version) REFERENCES mailbox_keys
);

CREATE TABLE messages (
  id uuid PRIMARY KEY,
  thread_id uuid NOT NULL REFERENCES threads,
  thread_key_id uuid NOT NULL REFERENCES thread_keys,
  from_mailbox_id uuid NOT NULL REFERENCES mailboxes,
  author_account_id uuid REFERENCES accounts,
  -- the same form sent twice is one message
  submission uuid UNIQUE,
  key_wrapped bytea,
  subject_sealed bytea,
  body_sealed bytea,
  file_count integer NOT NULL DEFAULT 0,
  sent_at timestamptz NOT NULL,
  recalled_at timestamptz
);
CREATE INDEX ON messages (thread_id, sent_at);

CREATE TABLE message_recipients (
  message_id uuid NOT NULL REFERENCES messages,
  mailbox_id uuid NOT NULL REFERENCES mailboxes,
  noticed_at timestamptz,
  notice_failed_at timestamptz,
  opened_at timestamptz,
  opened_by uuid REFERENCES accounts,
  PRIMARY KEY (message_id, mailbox_id)
);
CREATE INDEX ON message_recipients (mailbox_id);

CREATE TABLE drafts (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts,
  mailbox_id uuid NOT NULL REFERENCES mailboxes,
  thread_id uuid REFERENCES threads,
  envelope bytea NOT NULL,
  saved_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX ON drafts (account_id, thread_id);

CREATE TABLE attachments (
  id uuid PRIMARY KEY,
  uploader_account_id uuid REFERENCES accounts,
  uploader_mailbox_id uuid NOT NULL REFERENCES mailboxes,
  draft_id uuid REFERENCES drafts ON DELETE SET NULL,
  message_id uuid REFERENCES messages,
  position integer NOT NULL DEFAULT 0,
  -- under the uploader's mailbox until a message claims it, then under the message key
  key_wrapped bytea NOT NULL,
  label_sealed bytea NOT NULL,
  thumbnail_id uuid UNIQUE,
  uploaded_at timestamptz NOT NULL,
  claimed_at timestamptz
);
CREATE INDEX ON attachments (message_id);
CREATE INDEX ON attachments (draft_id);
CREATE INDEX ON attachments (uploaded_at) WHERE message_id IS NULL;

CREATE TABLE attachment_receipts (
  attachment_id uuid NOT NULL REFERENCES attachments,
  mailbox_id uuid NOT NULL REFERENCES mailboxes,
  downloaded_at timestamptz NOT NULL,
  PRIMARY KEY (attachment_id, mailbox_id)
);

-- Mails that the try-out captured instead of sending
CREATE TABLE captured_mails (
  id uuid PRIMARY KEY,
  captured_at timestamptz NOT NULL,
  mail_sealed bytea NOT NULL
);

-- The access log: inserted, read, and nothing else; one partition a month from the first day

CREATE TABLE access_events (
  id uuid NOT NULL,
  at timestamptz NOT NULL,
  actor_kind text NOT NULL CHECK (actor_kind IN ('account', 'sender', 'system', 'anonymous')),
  actor_id uuid,
  actor_role text,
  strength text NOT NULL,
  act text NOT NULL,
  subject_kind text,
  subject_id uuid,
  outcome text NOT NULL CHECK (outcome IN ('done', 'denied', 'failed')),
  request_id text,
  -- network address, user agent, reason; sealed beside the event so that they can be erased on their own
  details_sealed bytea,
  details_digest bytea,
  PRIMARY KEY (at, id)
) PARTITION BY RANGE (at);
CREATE INDEX ON access_events (actor_id, at);
CREATE INDEX ON access_events (subject_id, at);

CREATE FUNCTION refuse_change_of_access_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'access events are never changed' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON access_events
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_access_events();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON access_events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_access_events();

-- Makes the partitions of this month and the `months` that follow. The application may call it, which lets it make room for events
-- and nothing else; row triggers come with the parent, the one against TRUNCATE has to be made on each partition.
CREATE FUNCTION make_room_for_access_events(months integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  first_day date;
  part text;
BEGIN
  FOR ahead IN 0..least(months, 120) LOOP
    first_day := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead))::date;
    part := 'access_events_' || to_char(first_day, 'YYYY_MM');
    CONTINUE WHEN to_regclass('public.' || part) IS NOT NULL;
    EXECUTE format('CREATE TABLE public.%I PARTITION OF public.access_events FOR VALUES FROM (%L) TO (%L)', part,
      first_day::timestamp AT TIME ZONE 'UTC', (first_day + interval '1 month')::timestamp AT TIME ZONE 'UTC');
    EXECUTE format('CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.%I FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_access_events()', part);
  END LOOP;
END $$;
-- An event is never lost for want of a partition, whatever the clock says.
CREATE TABLE access_events_other_times PARTITION OF access_events DEFAULT;
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON access_events_other_times
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_access_events();
SELECT make_room_for_access_events(24);

-- Rights

GRANT USAGE ON SCHEMA public TO :app_role;
GRANT SELECT ON schema_migrations, installation, vault_keys, access_events TO :app_role;
GRANT INSERT ON installation, vault_keys, access_events TO :app_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON
  accounts, teams, team_members, mailboxes, mailbox_keys, openers, links, credentials, enrolments, sessions, rate_limits,
  threads, thread_mailboxes, thread_keys, thread_key_wraps, messages, message_recipients, drafts, attachments, attachment_receipts, captured_mails
  TO :app_role;
REVOKE ALL ON FUNCTION make_room_for_access_events(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_room_for_access_events(integer) TO :app_role;

-- The jobs' library migrates its own schema, as the application's role. It would try to create the schema, which that role may not.
CREATE SCHEMA IF NOT EXISTS graphile_worker AUTHORIZATION :app_role;
CREATE TABLE graphile_worker.migrations (
  id integer PRIMARY KEY,
  ts timestamptz NOT NULL DEFAULT now(),
  breaking boolean NOT NULL DEFAULT false
);
ALTER TABLE graphile_worker.migrations OWNER TO :app_role;
