CREATE TABLE endpoint (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    events TEXT NOT NULL,
    project TEXT,
    description TEXT,
    enabled INTEGER NOT NULL,
    since INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- All events up to this wire position have become deliveries.
CREATE TABLE cursor (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    pos INTEGER NOT NULL
) STRICT;

CREATE TABLE delivery (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    endpoint TEXT NOT NULL REFERENCES endpoint (id) ON DELETE CASCADE,
    pos INTEGER NOT NULL,
    nth INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due INTEGER,
    begun INTEGER NOT NULL,
    tried_at INTEGER,
    status INTEGER,
    error TEXT,
    UNIQUE (endpoint, pos, nth)
) STRICT;

CREATE INDEX delivery_due ON delivery (due) WHERE due IS NOT NULL;
CREATE INDEX delivery_of ON delivery (endpoint, number);
