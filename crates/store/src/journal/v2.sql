-- How far each user has read each run's thread: the wire id of a message.
CREATE TABLE read_marks (
    user    TEXT NOT NULL,
    run     TEXT NOT NULL,
    message INTEGER NOT NULL,
    PRIMARY KEY (user, run)
) WITHOUT ROWID;
CREATE INDEX read_marks_run ON read_marks (run);
