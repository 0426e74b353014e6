-- A session's row carries a MAC from now on. Those from before have none: everybody signs in once more.
DELETE FROM sessions;
