-- `whole`: it has the indices that readers go by (`indices.sql`).
CREATE TABLE state (position INTEGER NOT NULL, whole INTEGER NOT NULL);
INSERT INTO state VALUES (0, 0);

-- `data` is the row as its readers get it, or what it says beside its columns; the other columns find and
-- order it. Of a run `data` is what never changes and `state` the rest.
CREATE TABLE runs (
    number     INTEGER PRIMARY KEY,
    id         TEXT NOT NULL,
    project    TEXT NOT NULL,
    definition TEXT NOT NULL,
    key        TEXT NOT NULL,
    status     TEXT NOT NULL,
    phase      TEXT,
    parent     TEXT,
    length     INTEGER,
    outline    INTEGER NOT NULL,
    data       TEXT NOT NULL,
    state      TEXT NOT NULL,
    -- What became of its branch, once that is settled.
    finished   TEXT,
    -- How long it has waited for what, in milliseconds, up to its last commit.
    waits      TEXT
);
-- Names in lower case.
CREATE TABLE names (
    number INTEGER PRIMARY KEY,
    name   TEXT NOT NULL
);

-- What a definition says of itself and its declared steps, shared by its runs.
CREATE TABLE outlines (
    n    INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    data TEXT NOT NULL
);

-- Only steps that have begun or ended: the others are as the outline tells. A step's id is found
-- by its run's time, which it begins with.
CREATE TABLE steps (
    run     INTEGER NOT NULL,
    step    INTEGER NOT NULL,
    item    INTEGER NOT NULL,
    -- 2: it has not ended. 1: it has failed.
    open    INTEGER NOT NULL,
    -- What most of them say and no more has columns: a run may have a thousand steps and as many attempts,
    -- and JSON of each would be most of the time that it takes to read them.
    status       TEXT NOT NULL,
    started_at   INTEGER,
    completed_at INTEGER,
    attempts     INTEGER NOT NULL,
    data    TEXT,
    -- What it gave, which lists do not show.
    exit_code INTEGER,
    outcome TEXT,
    PRIMARY KEY (run, step, item)
) WITHOUT ROWID;

CREATE TABLE attempts (
    run  INTEGER NOT NULL,
    n    INTEGER NOT NULL,
    id   BLOB NOT NULL,
    step BLOB NOT NULL,
    key  TEXT NOT NULL,
    number     INTEGER NOT NULL,
    cause      TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    how        TEXT,
    exit_code  INTEGER,
    -- What one that went badly says.
    data TEXT,
    PRIMARY KEY (run, n)
) WITHOUT ROWID;
CREATE UNIQUE INDEX attempts_id ON attempts (id);

CREATE TABLE messages (
    run    INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    id     INTEGER NOT NULL,
    author TEXT,
    -- The key of its step.
    step   TEXT,
    status TEXT NOT NULL,
    data   TEXT NOT NULL,
    PRIMARY KEY (run, n)
) WITHOUT ROWID;

CREATE TABLE checkpoints (
    run    INTEGER NOT NULL,
    number INTEGER NOT NULL,
    data   TEXT NOT NULL,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;

CREATE TABLE artifacts (
    id      BLOB PRIMARY KEY,
    run     INTEGER NOT NULL,
    step    TEXT NOT NULL,
    message INTEGER,
    data    TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX artifacts_run ON artifacts (run, step, id);
