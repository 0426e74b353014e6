-- The proof of the access log: an RFC 6962 Merkle tree over its events, and the signed checkpoints of it.

-- By which the sequencer knows an event as recorded by the server; NULL for those from before.
ALTER TABLE access_events ADD COLUMN mac bytea;

-- Events that have no place in the tree yet, from the transaction that wrote them until the sequencer came by.
CREATE TABLE waiting_events (
  place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_at timestamptz NOT NULL,
  event_id uuid NOT NULL
);

CREATE FUNCTION let_access_events_wait() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO waiting_events (event_at, event_id) SELECT at, id FROM fresh;
  RETURN NULL;
END $$;
CREATE TRIGGER let_wait AFTER INSERT ON access_events
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION let_access_events_wait();

-- Those from before.
INSERT INTO waiting_events (event_at, event_id) SELECT at, id FROM access_events ORDER BY at, id;

-- Which event is which leaf.
CREATE TABLE log_leaves (
  leaf bigint PRIMARY KEY,
  event_at timestamptz NOT NULL,
  event_id uuid NOT NULL UNIQUE
);

-- The tree's hashes, 256 in a row: those of its leaves (level 0), of its complete subtrees of 2^8 leaves (level 1), of 2^16 (level 2) …
CREATE TABLE log_tiles (
  level integer NOT NULL,
  number bigint NOT NULL,
  hashes bytea NOT NULL,
  PRIMARY KEY (level, number)
);

-- How far the tree has grown, and whose turn it is to add to it: whoever has another token than this one was replaced.
CREATE TABLE log_state (
  id integer PRIMARY KEY CHECK (id = 1),
  token bigint NOT NULL,
  size bigint NOT NULL,
  seen_at timestamptz NOT NULL
);
INSERT INTO log_state VALUES (1, 0, 0, '1970-01-01T00:00:00Z');

CREATE TABLE log_checkpoints (
  -- grows when an older database came back that does not have what was signed
  epoch integer NOT NULL,
  size bigint NOT NULL,
  root bytea NOT NULL,
  -- C2SP tlog-checkpoint: a signed note that whoever keeps it holds the log to
  note text NOT NULL,
  signed_at timestamptz NOT NULL,
  PRIMARY KEY (epoch, size)
);

-- Checkpoints that left this machine: only against those can somebody be held who administers it.
CREATE TABLE log_publications (
  way text NOT NULL CHECK (way IN ('folder', 'mail')),
  epoch integer NOT NULL,
  size bigint NOT NULL,
  published_at timestamptz NOT NULL,
  PRIMARY KEY (way, epoch, size)
);

GRANT SELECT, DELETE ON waiting_events TO :app_role;
GRANT SELECT, INSERT ON log_leaves, log_checkpoints, log_publications TO :app_role;
GRANT SELECT, INSERT, UPDATE ON log_tiles TO :app_role;
GRANT SELECT, UPDATE ON log_state TO :app_role;
