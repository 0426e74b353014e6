-- Several versions of a mailbox's key, the mode without a recovery key, and links by which a forgotten password is replaced.

-- In sealed mode the recovery key's private half is not here; its public half always is.
ALTER TABLE vault_keys ALTER COLUMN key_wrapped DROP NOT NULL;
ALTER TABLE vault_keys ADD CHECK (key_wrapped IS NOT NULL OR (name = 'recovery' AND public_half IS NOT NULL));

-- `successor`: an earlier private half, sealed to a later public half of the same mailbox.
-- `earlier-code`: a recovery code of an earlier version whose set was replaced: it no longer signs in, and still opens what is from then.
ALTER TABLE openers DROP CONSTRAINT openers_kind_check;
ALTER TABLE openers ADD CONSTRAINT openers_kind_check
  CHECK (kind IN ('password', 'passkey', 'recovery-code', 'earlier-code', 'member', 'recovery', 'waiting', 'successor'));
-- for `member` and `successor`: the version of the public half that it is sealed to
ALTER TABLE openers ADD COLUMN sealed_to_version integer;
UPDATE openers SET sealed_to_version = 1 WHERE kind = 'member';
ALTER TABLE openers ADD CONSTRAINT openers_sealed_to_check CHECK ((kind IN ('member', 'successor')) = (sealed_to_version IS NOT NULL));
CREATE UNIQUE INDEX openers_successor ON openers (mailbox_id, mailbox_version, sealed_to_version) WHERE kind = 'successor';
CREATE UNIQUE INDEX openers_member ON openers (mailbox_id, mailbox_version, account_id, sealed_to_version) WHERE kind = 'member';

-- What the password of an earlier version was checked by, so that whoever remembers it opens what is from then.
CREATE TABLE earlier_passwords (
  opener_id uuid PRIMARY KEY REFERENCES openers ON DELETE CASCADE,
  password_salt bytea NOT NULL,
  password_parameters text NOT NULL,
  password_verifier bytea NOT NULL
);

-- To which version of its writer's public half a draft, and the key of an upload that no message has claimed, are sealed
ALTER TABLE drafts ADD COLUMN mailbox_version integer NOT NULL DEFAULT 1;
DROP INDEX drafts_account_id_thread_id_idx;
CREATE UNIQUE INDEX drafts_account_id_thread_id_idx ON drafts (account_id, thread_id, mailbox_version);
ALTER TABLE attachments ADD COLUMN uploader_mailbox_version integer NOT NULL DEFAULT 1;

CREATE TABLE password_resets (
  digest bytea PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts,
  asked_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz
);
CREATE INDEX ON password_resets (account_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON earlier_passwords, password_resets TO :app_role;
