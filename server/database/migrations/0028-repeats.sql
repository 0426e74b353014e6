-- What nobody who is signed in does again and again: counted here, and told by one event with a number, so that a flood cannot fill the log.
CREATE TABLE repeated_events (
  -- keyed digest of what is done to what, and of the network that it comes from
  key bytea PRIMARY KEY,
  act text NOT NULL,
  outcome text NOT NULL,
  reason text,
  subject_kind text,
  subject_id uuid,
  -- the network, or nothing where it counts for all
  network_sealed bytea,
  since timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  count bigint NOT NULL,
  -- how many of them stand in the log by themselves
  recorded bigint NOT NULL
);
CREATE INDEX ON repeated_events (since);
GRANT SELECT, INSERT, UPDATE, DELETE ON repeated_events TO :app_role;
