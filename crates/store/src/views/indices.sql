-- What readers find rows by. Made when all that was in the journal is there: one sort of each costs less
-- than to keep all of them in order row by row.

-- Each has the numbers of one status in their order (a row's number is the end of every index): lists
-- put these together. See `find.rs`.
CREATE INDEX runs_status ON runs (status);
CREATE INDEX runs_project ON runs (project, status);
CREATE INDEX runs_definition ON runs (definition, status);
CREATE INDEX runs_key ON runs (key, status);
CREATE INDEX runs_phase ON runs (phase, status) WHERE phase IS NOT NULL;
CREATE INDEX runs_parent ON runs (parent, status) WHERE parent IS NOT NULL;

CREATE UNIQUE INDEX runs_id ON runs (id);

-- Each run of three characters in names; those with the mark that stands twice behind each name have its
-- last characters at their beginning.
CREATE VIEW ended_names AS SELECT number, name || char(1, 1) AS name FROM names;
CREATE VIRTUAL TABLE grams USING fts5 (
    name, content = 'ended_names', content_rowid = 'number', columnsize = 0,
    tokenize = 'trigram case_sensitive 1'
);
INSERT INTO grams (grams) VALUES ('rebuild');
CREATE TRIGGER names_added AFTER INSERT ON names BEGIN
    INSERT INTO grams (rowid, name) VALUES (new.number, new.name || char(1, 1));
END;
CREATE TRIGGER names_removed AFTER DELETE ON names BEGIN
    -- An index without text of its own is told what it has to forget.
    INSERT INTO grams (grams, rowid, name) VALUES ('delete', old.number, old.name || char(1, 1));
END;
-- Which names have them.
CREATE VIRTUAL TABLE gram_places USING fts5vocab (grams, instance);

CREATE INDEX steps_open ON steps (run, open) WHERE open > 0;
CREATE INDEX attempts_step ON attempts (run, step, n);
CREATE INDEX messages_run ON messages (run, id, author);
CREATE INDEX messages_step ON messages (run, step, id) WHERE step IS NOT NULL;
CREATE UNIQUE INDEX messages_id ON messages (id);
CREATE INDEX artifacts_message ON artifacts (run, message) WHERE message IS NOT NULL;
UPDATE state SET whole = 1;
