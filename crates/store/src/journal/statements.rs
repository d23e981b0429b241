//! The writer's statements, prepared once per connection.

use rusqlite::{Connection, Statement};

pub(super) struct Statements<'c> {
    pub(super) begin: Statement<'c>,
    pub(super) commit: Statement<'c>,
    pub(super) find: Statement<'c>,
    pub(super) insert_aggregate: Statement<'c>,
    pub(super) update_aggregate: Statement<'c>,
    pub(super) insert: Statement<'c>,
    pub(super) find_command: Statement<'c>,
    pub(super) insert_command: Statement<'c>,
    pub(super) insert_blob: Statement<'c>,
    pub(super) insert_use: Statement<'c>,
}

impl<'c> Statements<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        let prepare = |sql| connection.prepare(sql);
        Ok(Self {
            begin: prepare("BEGIN IMMEDIATE")?,
            commit: prepare("COMMIT")?,
            find: prepare("SELECT n, head, last FROM aggregates WHERE id = ?1")?,
            insert_aggregate: prepare(
                "INSERT INTO aggregates
                 (n, id, head, last, number, project, status, due, live, unfinished)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?,
            update_aggregate: prepare(
                "UPDATE aggregates SET head = ?2, last = ?3, status = coalesce(?4, status),
                 due = ?5, live = ?6, unfinished = ?7 WHERE n = ?1",
            )?,
            insert: prepare(
                "INSERT INTO journal (position, aggregate, seq, prev, at, command, events)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            find_command: prepare(
                "SELECT j.position, j.seq FROM commands c JOIN journal j USING (position)
                 WHERE c.id = ?1",
            )?,
            insert_command: prepare("INSERT INTO commands (id, position) VALUES (?1, ?2)")?,
            insert_blob: prepare("INSERT OR IGNORE INTO blobs (hash, text) VALUES (?1, ?2)")?,
            insert_use: prepare(
                "INSERT OR IGNORE INTO uses (aggregate, blob)
                 SELECT ?1, n FROM blobs WHERE hash = ?2",
            )?,
        })
    }
}
