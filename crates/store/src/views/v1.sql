CREATE TABLE state (position INTEGER NOT NULL);
INSERT INTO state VALUES (0);

-- `data` is the row as its readers get it; the other columns find and order it.
CREATE TABLE runs (
    number     INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    project    TEXT NOT NULL,
    definition TEXT NOT NULL,
    key        TEXT NOT NULL,
    name       TEXT NOT NULL,
    status     TEXT NOT NULL,
    phase      TEXT,
    parent     TEXT,
    length     INTEGER,
    data       TEXT NOT NULL
);
CREATE INDEX runs_project ON runs (project, number);
CREATE INDEX runs_definition ON runs (definition, status);
CREATE INDEX runs_parent ON runs (parent) WHERE parent IS NOT NULL;

CREATE TABLE steps (
    run  INTEGER NOT NULL,
    step INTEGER NOT NULL,
    item INTEGER NOT NULL,
    id   TEXT NOT NULL UNIQUE,
    data TEXT NOT NULL,
    PRIMARY KEY (run, step, item)
) WITHOUT ROWID;

CREATE TABLE attempts (
    run  INTEGER NOT NULL,
    n    INTEGER NOT NULL,
    id   TEXT NOT NULL,
    step TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (run, n)
) WITHOUT ROWID;
CREATE UNIQUE INDEX attempts_id ON attempts (id);

CREATE TABLE messages (
    run    INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    id     INTEGER NOT NULL,
    status TEXT NOT NULL,
    data   TEXT NOT NULL,
    PRIMARY KEY (run, n)
) WITHOUT ROWID;
CREATE UNIQUE INDEX messages_id ON messages (id);

CREATE TABLE checkpoints (
    run    INTEGER NOT NULL,
    number INTEGER NOT NULL,
    data   TEXT NOT NULL,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;
