-- A thread key can be wrapped to several versions of one mailbox's key: to the one of its time, which the person's own ways still open, and to a
-- newer one, when somebody who takes part lets a new sign-in read again.
ALTER TABLE thread_key_wraps DROP CONSTRAINT thread_key_wraps_pkey;
ALTER TABLE thread_key_wraps ADD PRIMARY KEY (thread_key_id, mailbox_id, mailbox_version);
-- when it was wrapped again for a newer version; null for the wraps that were made with the key
ALTER TABLE thread_key_wraps ADD COLUMN shared_at timestamptz;

-- The recovery key's private half is taken out while servers run.
GRANT UPDATE (key_wrapped) ON vault_keys TO :app_role;
