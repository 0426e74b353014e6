-- Whose turn it is to make the file of an upload's pieces, so that one whose turn is over keeps nothing and ends nobody else's.
ALTER TABLE uploads ADD COLUMN finishing_by uuid;
