-- Repeats of one kind (from whichever network) belong together: they are told together, an hour after the first of them.
ALTER TABLE repeated_events ADD COLUMN kind bytea;
UPDATE repeated_events SET kind = key;
ALTER TABLE repeated_events ALTER COLUMN kind SET NOT NULL;
CREATE INDEX ON repeated_events (kind);

-- How many repeats that do not stand in the log by themselves the alarms have counted, so that none counts twice.
CREATE TABLE alarm_repeats (
  key bytea NOT NULL,
  -- of the repeated event, which may begin anew
  since timestamptz NOT NULL,
  counted bigint NOT NULL,
  PRIMARY KEY (key, since)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON alarm_repeats TO :app_role;
