-- What sweeps look by, so that a table that has grown is not read whole every minute; and no default hides that a column was forgotten.
CREATE INDEX ON password_resets (expires_at);
CREATE INDEX ON security_links (expires_at);
CREATE INDEX ON address_changes (ends_at);
CREATE INDEX ON assisted_resets (asked_at);
CREATE INDEX ON openers (passkey_id) WHERE passkey_id IS NOT NULL;

ALTER TABLE drafts ALTER COLUMN mailbox_version DROP DEFAULT;
ALTER TABLE drafts ADD CHECK (mailbox_version > 0);
ALTER TABLE attachments ALTER COLUMN uploader_mailbox_version DROP DEFAULT;
ALTER TABLE attachments ADD CHECK (uploader_mailbox_version > 0);
ALTER TABLE credentials ALTER COLUMN totp_last_step DROP DEFAULT;

GRANT DELETE ON assisted_resets TO :app_role;
