-- Checkpoints leave by webhook too.
ALTER TABLE log_publications DROP CONSTRAINT log_publications_way_check;
ALTER TABLE log_publications ADD CHECK (way IN ('folder', 'mail', 'webhook'));
