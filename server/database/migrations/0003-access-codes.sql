-- Access codes: where a sender asked for one, an account cannot be enrolled without it. The row guards the account also when its code was used or
-- has run out; only a completed enrolment removes it.

CREATE TABLE access_codes (
  account_id uuid PRIMARY KEY REFERENCES accounts,
  code_digest bytea NOT NULL,
  made_at timestamptz NOT NULL,
  made_by uuid NOT NULL REFERENCES accounts,
  expires_at timestamptz NOT NULL,
  -- of the browser in which the right code was typed
  proof_digest bytea,
  proved_at timestamptz
);

GRANT SELECT, INSERT, UPDATE, DELETE ON access_codes TO :app_role;
