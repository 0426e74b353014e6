-- How many bytes of ciphertext a file has in its store, so that one that was cut or grew is found without any key. Unknown for files from before.
ALTER TABLE attachments ADD COLUMN sealed_bytes bigint CHECK (sealed_bytes > 0);
