-- Host generation and the numbers given to runs that are deleted.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

-- One row per aggregate, its board and wake beside the end of its journal.
CREATE TABLE aggregates (
    n          INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    head       INTEGER NOT NULL,
    last       INTEGER NOT NULL,
    number     INTEGER,
    project    TEXT,
    status     TEXT,
    due        INTEGER,
    live       INTEGER NOT NULL,
    unfinished INTEGER NOT NULL
);
CREATE UNIQUE INDEX aggregates_number ON aggregates (number) WHERE number IS NOT NULL;

-- All commits. `prev` is the position of the same aggregate's commit before: an aggregate is read
-- backwards along it, so commits of many aggregates touch no index pages of their own.
CREATE TABLE journal (
    position  INTEGER PRIMARY KEY,
    aggregate INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    prev      INTEGER,
    at        INTEGER NOT NULL,
    command   TEXT,
    events    BLOB    NOT NULL
);

CREATE TABLE commands (
    id       TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE blobs (
    n    INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL
);
-- Which aggregates speak of which blobs.
CREATE TABLE uses (
    aggregate INTEGER NOT NULL,
    blob      INTEGER NOT NULL,
    PRIMARY KEY (aggregate, blob)
) WITHOUT ROWID;
CREATE INDEX uses_blob ON uses (blob);

-- Registered projects: not derivable from any journal.
CREATE TABLE projects (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    path       TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;
