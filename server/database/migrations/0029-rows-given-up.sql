-- Rows that do not open and that an operator gave up with a version of the master key: a later change of the key does not ask for them again. As they
-- were then, byte for byte, so that one that is changed since is asked for.
CREATE TABLE rows_given_up (
  table_name text NOT NULL,
  row_key text NOT NULL,
  -- SHA-256 of the sealed bytes
  digest bytea NOT NULL,
  given_up_at timestamptz NOT NULL,
  PRIMARY KEY (table_name, row_key, digest)
);
GRANT SELECT, INSERT ON rows_given_up TO :app_role;
