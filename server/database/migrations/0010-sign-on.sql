-- Staff whom a provider (OpenID Connect) may identify. Of the provider's name for them only a keyed digest is kept.

CREATE TABLE sign_on_identities (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES accounts,
  -- of the issuer, and of issuer and subject
  provider_digest bytea NOT NULL,
  identity_digest bytea NOT NULL UNIQUE,
  -- binds the row to its account: one that somebody puts here, or moves, identifies nobody
  mac bytea NOT NULL,
  linked_at timestamptz NOT NULL,
  last_used_at timestamptz,
  UNIQUE (account_id, provider_digest)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON sign_on_identities TO :app_role;
