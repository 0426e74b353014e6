-- A new sign-in for somebody who lost everything: one member of staff asks, another approves, the person is told, a time passes, and a code
-- told by phone begins it. The state follows from the columns; every step is one guarded update.
CREATE TABLE assisted_resets (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts,
  asked_by uuid NOT NULL REFERENCES accounts CHECK (asked_by <> account_id),
  asked_at timestamptz NOT NULL,
  reason_sealed bytea NOT NULL,
  approved_by uuid REFERENCES accounts CHECK (approved_by <> account_id AND approved_by <> asked_by),
  approved_at timestamptz,
  -- set when the mail that tells the person has gone out: the time of waiting begins with it
  ready_at timestamptz CHECK (ready_at IS NULL OR approved_at IS NOT NULL),
  notice_failed_at timestamptz,
  -- of the token in that mail's link
  cancel_digest bytea NOT NULL UNIQUE,
  cancelled_at timestamptz,
  -- NULL: the link of the mail
  cancelled_by uuid REFERENCES accounts,
  lapsed_at timestamptz,
  codes_made integer NOT NULL DEFAULT 0 CHECK (codes_made BETWEEN 0 AND 3),
  code_digest bytea CHECK (code_digest IS NULL OR ready_at IS NOT NULL),
  code_made_by uuid REFERENCES accounts,
  code_expires_at timestamptz,
  -- what the newest code began; the half-made sign-in itself rests in its session
  attempt_id uuid UNIQUE,
  used_at timestamptz
);
CREATE UNIQUE INDEX assisted_resets_one_open ON assisted_resets (account_id)
  WHERE cancelled_at IS NULL AND used_at IS NULL AND lapsed_at IS NULL;
CREATE INDEX ON assisted_resets (asked_by);
CREATE INDEX ON assisted_resets (approved_by);

GRANT SELECT, INSERT, UPDATE ON assisted_resets TO :app_role;
