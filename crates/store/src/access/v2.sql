-- What the command behind an `Idempotency-Key` has made: a repeat makes nothing.
CREATE TABLE made (
  command TEXT PRIMARY KEY,
  id TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
