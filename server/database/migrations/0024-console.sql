-- The console: what the access log is searched and counted by, and what was found when it was checked.

-- A keyed digest of the network that an event came from, so that it is found without being told; outside the leaf, NULL for those from before.
ALTER TABLE access_events ADD COLUMN address_digest bytea;

-- What is searched by, beside an event's place: the order of the log is that of its places, whatever a clock said.
ALTER TABLE log_leaves
  ADD COLUMN actor_id uuid,
  ADD COLUMN actor_role text,
  ADD COLUMN act text,
  ADD COLUMN subject_id uuid,
  ADD COLUMN outcome text,
  ADD COLUMN address_digest bytea;
UPDATE log_leaves l SET actor_id = e.actor_id, actor_role = e.actor_role, act = e.act, subject_id = e.subject_id, outcome = e.outcome
  FROM access_events e WHERE e.at = l.event_at AND e.id = l.event_id;
-- What is counted by stands in the index: ten thousand rows of one person lie on ten thousand pages.
CREATE INDEX ON log_leaves (actor_id, leaf) INCLUDE (event_at, act, outcome) WHERE actor_id IS NOT NULL;
CREATE INDEX ON log_leaves (subject_id, leaf) INCLUDE (event_at, act, outcome) WHERE subject_id IS NOT NULL;
CREATE INDEX ON log_leaves (act, leaf);
CREATE INDEX ON log_leaves (outcome, leaf) WHERE outcome <> 'done';
CREATE INDEX ON log_leaves (address_digest, leaf) INCLUDE (event_at, act, outcome) WHERE address_digest IS NOT NULL;
CREATE INDEX ON waiting_events (event_id);

-- How much of what happened in which hour (UTC), counted as events get their places: so that nobody has to go through them to count or to draw them.
CREATE TABLE access_event_hours (
  hour timestamptz NOT NULL,
  act text NOT NULL,
  outcome text NOT NULL,
  -- empty for whoever has none
  actor_role text NOT NULL,
  count bigint NOT NULL,
  -- between which places they stand
  first_leaf bigint NOT NULL,
  last_leaf bigint NOT NULL,
  PRIMARY KEY (hour, act, outcome, actor_role)
);
INSERT INTO access_event_hours
  SELECT date_trunc('hour', event_at, 'UTC'), coalesce(act, ''), coalesce(outcome, ''), coalesce(actor_role, ''), count(*), min(leaf), max(leaf)
  FROM log_leaves GROUP BY 1, 2, 3, 4;
CREATE INDEX ON access_event_hours (act, hour);

-- The same by day (UTC): hours of several years are many.
CREATE TABLE access_event_days (
  day timestamptz NOT NULL,
  act text NOT NULL,
  outcome text NOT NULL,
  actor_role text NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (day, act, outcome, actor_role)
);
INSERT INTO access_event_days
  SELECT date_trunc('day', hour, 'UTC'), act, outcome, actor_role, sum(count) FROM access_event_hours GROUP BY 1, 2, 3, 4;

-- What was found when the log was held against its tree and its checkpoints.
CREATE TABLE log_checks (
  id uuid PRIMARY KEY,
  checked_at timestamptz NOT NULL,
  -- the whole log, or what was new
  everything boolean NOT NULL,
  -- every event before this one is what was signed
  checked_to bigint NOT NULL,
  -- the checkpoint that it was held against
  epoch integer NOT NULL,
  size bigint NOT NULL,
  -- the first bad event, where one can be named
  bad_leaf bigint,
  found text
);
CREATE INDEX ON log_checks (checked_at);

-- Messages by day, for the overview.
CREATE INDEX ON messages (sent_at);

GRANT SELECT, INSERT, UPDATE ON access_event_hours, access_event_days TO :app_role;
GRANT SELECT, INSERT ON log_checks TO :app_role;
