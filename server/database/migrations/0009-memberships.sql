-- Who belongs to a team is bound by a MAC: a row that somebody puts into the table, or changes, lets nobody in.
ALTER TABLE team_members ADD COLUMN mac bytea NOT NULL DEFAULT '';
ALTER TABLE team_members ALTER COLUMN mac DROP DEFAULT;
