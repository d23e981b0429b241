//! The ends of the aggregates' journals, as the writer holds them in memory.

use std::collections::HashMap;

use baton_engine::ports::{Aggregate, Append, Wake};
use rusqlite::{OptionalExtension, params};

use super::statements::Statements;

/// More than this many are not kept.
const MOST: usize = 131_072;

/// The end of one aggregate's journal, and its row.
#[derive(Debug)]
pub(super) struct Head {
    /// Its number in the database.
    pub(super) n: i64,
    /// Its last sequence number.
    pub(super) seq: u64,
    /// The position of its last commit; `None` before the first.
    pub(super) last: Option<u64>,
    /// Its id, while its row is not in the database.
    new: Option<String>,
    /// Its row is to be written at the end of the batch.
    touched: bool,
    board: Option<(u64, String)>,
    status: Option<&'static str>,
    wake: Wake,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Heads {
    index: HashMap<Aggregate, usize>,
    heads: Vec<Head>,
    touched: Vec<usize>,
    next_n: i64,
}

impl Heads {
    pub(super) fn new(next_n: i64) -> Self {
        Self {
            next_n,
            ..Self::default()
        }
    }

    /// Forgets all, after something else has written or may have failed. Numbers are not given
    /// twice.
    pub(super) fn clear(&mut self) {
        self.index.clear();
        self.heads.clear();
        self.touched.clear();
    }

    /// Keeps the cache in bounds; only between batches.
    pub(super) fn trim(&mut self) {
        if self.heads.len() > MOST {
            self.clear();
        }
    }

    pub(super) fn at_least(&mut self, next_n: i64) {
        self.next_n = self.next_n.max(next_n);
    }

    pub(super) fn get(&mut self, index: usize) -> &mut Head {
        &mut self.heads[index]
    }

    /// Where the head of this aggregate is kept; read from the database when it is not.
    pub(super) fn find(
        &mut self,
        aggregate: &Aggregate,
        statements: &mut Statements<'_>,
    ) -> rusqlite::Result<usize> {
        if let Some(&index) = self.index.get(aggregate) {
            return Ok(index);
        }
        let id = aggregate.to_string();
        let stored = statements
            .find
            .query_row(params![id], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let (n, seq, last, new) = match stored {
            Some((n, seq, last)) => (n, seq, Some(last), None),
            None => {
                self.next_n += 1;
                (self.next_n - 1, 0, None, Some(id))
            }
        };
        self.heads.push(Head {
            n,
            seq,
            last,
            new,
            touched: false,
            board: None,
            status: None,
            wake: Wake::default(),
        });
        self.index.insert(aggregate.clone(), self.heads.len() - 1);
        Ok(self.heads.len() - 1)
    }

    /// A commit was put into the journal at this position.
    pub(super) fn advance(&mut self, index: usize, append: &Append, position: u64) {
        let head = &mut self.heads[index];
        head.seq = append.seq;
        head.last = Some(position);
        head.wake = append.wake;
        if let Some(board) = &append.board {
            head.status = Some(board.status);
            if head.new.is_some() {
                head.board = Some((board.number, board.project.to_string()));
            }
        }
        if !std::mem::replace(&mut head.touched, true) {
            self.touched.push(index);
        }
    }

    /// Writes the rows of all aggregates that were touched: the last of each only.
    pub(super) fn write(&mut self, statements: &mut Statements<'_>) -> rusqlite::Result<()> {
        for index in self.touched.drain(..) {
            let head = &mut self.heads[index];
            head.touched = false;
            let due = head.wake.due.map(|due| due.millis());
            if let Some(id) = head.new.take() {
                let board = head.board.take();
                statements.insert_aggregate.execute(params![
                    head.n,
                    id,
                    head.seq,
                    head.last,
                    board.as_ref().map(|board| board.0),
                    board.as_ref().map(|board| &board.1),
                    head.status,
                    due,
                    head.wake.live,
                    head.wake.unfinished,
                ])?;
            } else {
                statements.update_aggregate.execute(params![
                    head.n,
                    head.seq,
                    head.last,
                    head.status,
                    due,
                    head.wake.live,
                    head.wake.unfinished,
                ])?;
            }
        }
        Ok(())
    }
}
