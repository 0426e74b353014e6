-- Devices on which a person signed in wholly within thirty days. A device that several people share has a row for each, under one digest.

CREATE TABLE known_devices (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts,
  -- of the token in the device's cookie
  digest bytea NOT NULL,
  -- browser and system, without versions
  label_sealed bytea NOT NULL,
  first_seen_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  UNIQUE (account_id, digest)
);
CREATE INDEX ON known_devices (digest);
CREATE INDEX ON known_devices (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON known_devices TO :app_role;
