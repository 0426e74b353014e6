-- Backups that were begun: what a certificate of destruction names as maybe still holding what it says was destroyed. Whether one became whole is in
-- the access log.
CREATE TABLE backups (
  id uuid PRIMARY KEY,
  made_at timestamptz NOT NULL,
  -- until when its maker said it would be kept; NULL: they named no end
  kept_until timestamptz CHECK (kept_until > made_at),
  -- under which version of the master key it is sealed
  master_key_version integer NOT NULL
);

GRANT SELECT, INSERT ON backups TO :app_role;

-- The canary thread stands between two mailboxes of the system itself, which belong to no account and to no team.
ALTER TABLE mailboxes DROP CONSTRAINT mailboxes_check;
ALTER TABLE mailboxes ADD CONSTRAINT mailboxes_one_owner CHECK (account_id IS NULL OR team_id IS NULL);
