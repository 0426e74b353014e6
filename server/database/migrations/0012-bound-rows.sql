-- Rows that decide about a sign-in are bound by a MAC. Those from before get theirs at the next start, by the program that has the keys; from then
-- on a row without one counts as not there.
ALTER TABLE accounts ADD COLUMN mac bytea;
ALTER TABLE passkeys ADD COLUMN mac bytea;
ALTER TABLE assisted_resets ADD COLUMN mac bytea;
ALTER TABLE password_resets ADD COLUMN mac bytea;
ALTER TABLE address_changes ADD COLUMN mac bytea;

-- How often all sessions of an account were ended at once: a sign-in that was begun before that makes no session after it.
ALTER TABLE accounts ADD COLUMN session_endings integer NOT NULL DEFAULT 0;

-- Whether a passkey opens its mailbox is told by its opener; a mark of its own went stale with the mailbox's next key.
ALTER TABLE passkeys DROP COLUMN prf;
