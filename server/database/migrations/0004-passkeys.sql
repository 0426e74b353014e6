-- Passkeys: a way in of their own, or a second factor, and what opens a mailbox by them.

CREATE TABLE passkeys (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts,
  credential_id_digest bytea NOT NULL UNIQUE,
  credential_id_sealed bytea NOT NULL,
  -- COSE; nothing secret is in it
  public_key bytea NOT NULL,
  counter bigint NOT NULL,
  transports text NOT NULL,
  name_sealed bytea NOT NULL,
  -- whether an opener of the mailbox was made with it
  prf boolean NOT NULL,
  backed_up boolean NOT NULL,
  added_at timestamptz NOT NULL,
  last_used_at timestamptz
);
CREATE INDEX ON passkeys (account_id);

-- Challenges are kept nowhere until they were answered; here are those that were, until they would be too old anyway.
CREATE TABLE spent_challenges (
  digest bytea PRIMARY KEY,
  expires_at timestamptz NOT NULL
);
CREATE INDEX ON spent_challenges (expires_at);

-- for `passkey`: which one opens it
ALTER TABLE openers ADD COLUMN passkey_id uuid REFERENCES passkeys ON DELETE CASCADE;

-- An account may have passkeys only, or a password and passkeys.
ALTER TABLE credentials ALTER COLUMN password_salt DROP NOT NULL;
ALTER TABLE credentials ALTER COLUMN password_parameters DROP NOT NULL;
ALTER TABLE credentials ALTER COLUMN password_verifier DROP NOT NULL;
ALTER TABLE credentials ALTER COLUMN totp_secret_sealed DROP NOT NULL;
ALTER TABLE credentials ALTER COLUMN totp_last_step SET DEFAULT 0;
ALTER TABLE credentials ADD CHECK ((password_salt IS NULL) = (password_verifier IS NULL) AND (password_salt IS NULL) = (password_parameters IS NULL));

-- A passkey that does not open a mailbox waits here for the password that does.
ALTER TABLE enrolments ADD COLUMN passkey_sealed bytea;
ALTER TABLE enrolments ALTER COLUMN password_salt DROP NOT NULL;
ALTER TABLE enrolments ALTER COLUMN password_parameters DROP NOT NULL;
ALTER TABLE enrolments ALTER COLUMN password_verifier DROP NOT NULL;
ALTER TABLE enrolments ALTER COLUMN opener_envelope DROP NOT NULL;
ALTER TABLE enrolments DROP CONSTRAINT enrolments_state_check;
ALTER TABLE enrolments ADD CONSTRAINT enrolments_state_check CHECK (
  (state IN ('password-set', 'second-factor-pending') AND password_verifier IS NOT NULL AND opener_envelope IS NOT NULL) OR
  (state = 'passkey-set' AND passkey_sealed IS NOT NULL)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON passkeys, spent_challenges TO :app_role;
