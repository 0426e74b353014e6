-- What administrators set: each change is a version of all settings, never changed afterwards. The newest one counts.
CREATE TABLE settings_versions (
  version integer PRIMARY KEY CHECK (version > 0),
  -- of the page on which it was changed
  section text NOT NULL,
  changed_by uuid NOT NULL,
  changed_at timestamptz NOT NULL,
  -- the version that this one sets back
  undoes integer,
  -- the values, and what each was before; sealed to the version
  values_sealed bytea NOT NULL
);

-- What is done of the first set-up of a database for real use.
CREATE TABLE setup_steps (
  step text PRIMARY KEY,
  done_by uuid,
  done_at timestamptz NOT NULL
);
-- A database that is in use was set up before there was this.
INSERT INTO setup_steps SELECT 'finished', NULL, now() WHERE EXISTS (SELECT FROM accounts);

-- The code of a test mail, until it is typed.
CREATE TABLE setup_mails (
  account_id uuid PRIMARY KEY,
  code_digest bytea NOT NULL,
  sent_at timestamptz NOT NULL,
  tries integer NOT NULL
);

CREATE TABLE alarms (
  id uuid PRIMARY KEY,
  rule text NOT NULL,
  -- whom it is about: a keyed digest, by which there is one open alarm for each rule and one of them
  whom bytea NOT NULL,
  account_id uuid,
  -- network address, name of a job, what was found; sealed to the alarm
  about_sealed bytea,
  count integer NOT NULL,
  threshold integer NOT NULL,
  raised_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  taken_by uuid,
  taken_at timestamptz,
  closed_by uuid,
  closed_at timestamptz
);
CREATE UNIQUE INDEX alarms_open ON alarms (rule, whom) WHERE closed_at IS NULL;
CREATE INDEX ON alarms (rule, whom, closed_at);

CREATE TABLE alarm_notes (
  id uuid PRIMARY KEY,
  alarm_id uuid NOT NULL REFERENCES alarms,
  account_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('taken', 'note', 'closed')),
  text_sealed bytea,
  at timestamptz NOT NULL
);
CREATE INDEX ON alarm_notes (alarm_id, at);

-- How far the look over the access log has come: the number of the next leaf, which grows in the order in which events became visible.
CREATE TABLE alarm_looks (
  id integer PRIMARY KEY CHECK (id = 1),
  next_leaf bigint NOT NULL,
  looked_at timestamptz NOT NULL
);

-- How often somebody did what a rule counts, in ten minutes each.
CREATE TABLE alarm_counts (
  rule text NOT NULL,
  whom bytea NOT NULL,
  at timestamptz NOT NULL,
  account_id uuid,
  about_sealed bytea,
  count integer NOT NULL,
  PRIMARY KEY (rule, whom, at)
);
CREATE INDEX ON alarm_counts (at);

GRANT SELECT, INSERT ON settings_versions, setup_steps TO :app_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON setup_mails, alarm_looks, alarm_counts TO :app_role;
GRANT SELECT, INSERT, UPDATE ON alarms TO :app_role;
GRANT SELECT, INSERT ON alarm_notes TO :app_role;
