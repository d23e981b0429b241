//! How steps are read: what is declared and what was stored, put together.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use baton_core::ids::{RunId, StepId};
use baton_core::run::{At, Run, State, Step};
use rusqlite::{Connection, Row, params};

use super::super::outline::{Declared, Outline};
use super::super::rows::{RunRow, StepRow};
use super::super::write::{at, parse};
use super::{Outcome, Stored, WHOLE, item_column};

/// A row made of what is declared and what was stored.
fn row(
    run: RunId,
    declared: &Arc<Declared>,
    at: At,
    stored: Option<Stored<'_>>,
    outcome: Outcome<'_>,
) -> StepRow {
    let stored = stored.unwrap_or_else(|| Stored {
        status: State::Pending.word().into(),
        ..Stored::default()
    });
    let key = match at.item {
        Some(item) => format!("{}.{item}", declared.key),
        None => declared.key.clone(),
    };
    let value = |text: Option<Cow<'_, str>>| serde_json::from_str(&text?).ok();
    StepRow {
        id: StepId::of(run, &key),
        run,
        declared: declared.clone(),
        status: stored.status.into_owned(),
        index: at.step,
        item: at.item,
        started_at: stored.started_at,
        completed_at: stored.completed_at,
        waiting: stored.waiting,
        session: stored.session.map(|it| Box::new(it.into_owned())),
        child: stored.child,
        workflow: stored.workflow.map(Cow::into_owned),
        skipped: stored.skipped,
        error: stored.error.map(Cow::into_owned),
        result: outcome.result.map(Cow::into_owned),
        data: value(outcome.data),
        outputs: value(outcome.outputs),
        exit_code: outcome.exit_code,
        stderr: outcome.stderr.map(Cow::into_owned),
        warnings: outcome.warnings.into_owned(),
        attempts: stored.attempts,
        key,
    }
}

/// The rows of a folded run's steps and items, in file order.
pub(in super::super) fn of_folded(run: &Run) -> Vec<StepRow> {
    run.all().map(|(at, step)| one_of(run, at, step)).collect()
}

/// The row of a folded run's step.
pub(in super::super) fn one_of(run: &Run, at: At, step: &Step) -> StepRow {
    let declared = Arc::new(Declared::of(&run.plan.definition, run.declared(at)));
    let (stored, outcome) = (Stored::of(step), Outcome::of(step));
    row(run.created.run, &declared, at, Some(stored), outcome)
}

/// The columns of a step that [`both`] reads, and without what it gave.
const WHOLE_ROW: &str =
    "step, item, status, started_at, completed_at, attempts, data, exit_code, outcome";
const WITHOUT_OUTCOME: &str =
    "step, item, status, started_at, completed_at, attempts, data, NULL, NULL";

/// A run's steps and items, in file order.
pub(in super::super) fn of_run(
    connection: &Connection,
    run: &RunRow,
) -> rusqlite::Result<Vec<StepRow>> {
    all(connection, run, WHOLE_ROW)
}

/// The same without what they gave.
fn without_outcomes(connection: &Connection, run: &RunRow) -> rusqlite::Result<Vec<StepRow>> {
    all(connection, run, WITHOUT_OUTCOME)
}

/// All steps and items of a run, of those that are stored in their order.
fn all(connection: &Connection, run: &RunRow, columns: &str) -> rusqlite::Result<Vec<StepRow>> {
    let sql = format!("SELECT {columns} FROM steps WHERE run = ?1 ORDER BY step, item");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([run.number])?;
    let mut put = Put {
        run,
        found: Vec::with_capacity(run.known),
        step: 0,
        open: None,
    };
    while let Some(row) = rows.next()? {
        let (step, item): (usize, i64) = (row.get(0)?, row.get(1)?);
        match usize::try_from(item) {
            Ok(item) => put.item(step, item, row)?,
            Err(_) => put.step(step, row)?,
        }
    }
    Ok(put.end())
}

/// Puts steps and items together as their rows come, with those that have none between them.
struct Put<'r> {
    run: &'r RunRow,
    found: Vec<StepRow>,
    /// The step that comes next.
    step: usize,
    open: Option<Open>,
}

/// A step whose items are not all there.
struct Open {
    step: usize,
    declared: Arc<Declared>,
    /// Its items that are there, of so many.
    there: usize,
    of: usize,
}

impl Put<'_> {
    /// A step that is stored.
    fn step(&mut self, step: usize, row: &Row<'_>) -> rusqlite::Result<()> {
        self.steps_before(step);
        if self.step != step {
            return Ok(());
        }
        let (mut stored, outcome) = both(row)?;
        let own = stored.declared.take().map(Arc::new);
        let Some(declared) = self.run.outline.steps.get(step).cloned().or(own) else {
            return Ok(());
        };
        self.step += 1;
        self.open = Some(Open {
            step,
            declared: declared.clone(),
            there: 0,
            of: stored.items as usize,
        });
        self.put(&declared, At { step, item: None }, Some(stored), outcome);
        Ok(())
    }

    /// An item that is stored.
    fn item(&mut self, step: usize, item: usize, row: &Row<'_>) -> rusqlite::Result<()> {
        self.items_before(item);
        let open = self.open.as_mut();
        let open = open.filter(|open| open.step == step && open.there == item && item < open.of);
        let Some(open) = open else { return Ok(()) };
        open.there += 1;
        let (declared, item) = (open.declared.clone(), Some(item));
        let (stored, outcome) = both(row)?;
        self.put(&declared, At { step, item }, Some(stored), outcome);
        Ok(())
    }

    fn end(mut self) -> Vec<StepRow> {
        self.steps_before(usize::MAX);
        self.found
    }

    /// Steps before this one that are as they are declared.
    fn steps_before(&mut self, step: usize) {
        self.items_before(usize::MAX);
        let outline = self.run.outline.clone();
        let new = outline.steps.iter().enumerate().skip(self.step);
        for (step, declared) in new.take_while(|(at, _)| *at < step) {
            self.step = step + 1;
            self.put(declared, At { step, item: None }, None, Outcome::default());
        }
        self.open = None;
    }

    /// Items before this one that are as they are listed.
    fn items_before(&mut self, item: usize) {
        let Some(Open {
            step,
            declared,
            there,
            of,
        }) = &mut self.open
        else {
            return;
        };
        let new = *there..item.min(*of);
        *there = new.end.max(*there);
        let (step, declared) = (*step, declared.clone());
        for item in new {
            let item = Some(item);
            self.put(&declared, At { step, item }, None, Outcome::default());
        }
    }

    fn put(
        &mut self,
        declared: &Arc<Declared>,
        at: At,
        stored: Option<Stored<'_>>,
        outcome: Outcome<'_>,
    ) {
        self.found
            .push(row(self.run.id, declared, at, stored, outcome));
    }
}

/// What a row has in its columns.
fn both<'r>(row: &'r Row<'_>) -> rusqlite::Result<(Stored<'r>, Outcome<'r>)> {
    let stored = row.get_ref(6)?.as_str_or_null()?.map(parse).transpose()?;
    let outcome = row.get_ref(8)?.as_str_or_null()?.map(parse).transpose()?;
    Ok((
        Stored {
            status: row.get_ref(2)?.as_str()?.into(),
            started_at: at(row, 3)?,
            completed_at: at(row, 4)?,
            attempts: row.get(5)?,
            ..stored.unwrap_or_default()
        },
        Outcome {
            exit_code: row.get(7)?,
            ..outcome.unwrap_or_default()
        },
    ))
}

/// A step that is stored, as a row of what is declared or, when nothing is, of what it says itself.
fn stored_one(
    connection: &Connection,
    columns: &str,
    (run, number): (RunId, u64),
    place: At,
    declared: Option<&Arc<Declared>>,
) -> rusqlite::Result<Option<StepRow>> {
    let sql = format!("SELECT {columns} FROM steps WHERE run = ?1 AND step = ?2 AND item = ?3");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![number, place.step, item_column(place.item)])?;
    let (mut stored, outcome) = match rows.next()? {
        Some(found) => {
            let (stored, outcome) = both(found)?;
            (Some(stored), outcome)
        }
        None => (None, Outcome::default()),
    };
    let own = stored.as_mut().and_then(|stored| stored.declared.take());
    let own = own.map(Arc::new);
    let declared = declared.or(own.as_ref());
    Ok(declared.map(|declared| row(run, declared, place, stored, outcome)))
}

/// Steps and items that lists show of one run, at most.
pub const LISTED: usize = 100;

/// Of them, those that come next.
const NEXT: usize = 20;

/// The steps that a list shows, in file order, without what they gave. All, when they are few; else
/// those that have not ended, those that failed, those that ended last, and those that come next. No
/// item is shown without its step.
pub(in super::super) fn listed(
    connection: &Connection,
    run: &RunRow,
) -> rusqlite::Result<Vec<StepRow>> {
    if run.known <= LISTED {
        return without_outcomes(connection, run);
    }
    let mut places: BTreeSet<(usize, i64)> = BTreeSet::new();
    let mut last = None;
    for (sql, most) in [
        (
            "SELECT step, item FROM steps WHERE run = ?1 AND open > 0
             ORDER BY open DESC, step, item LIMIT ?2",
            LISTED - NEXT,
        ),
        (
            "SELECT step, item FROM steps WHERE run = ?1 ORDER BY step DESC, item DESC LIMIT ?2",
            LISTED - NEXT,
        ),
    ] {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![run.number, most])?;
        while let Some(row) = rows.next()? {
            let place: (usize, i64) = (row.get(0)?, row.get(1)?);
            last = last.max(Some(place.0));
            let with_its_step = [place, (place.0, WHOLE)];
            let more = with_its_step.iter().collect::<BTreeSet<_>>();
            let more = more.iter().filter(|one| !places.contains(one)).count();
            if places.len() + more <= LISTED - NEXT {
                places.extend(with_its_step);
            }
        }
    }
    let next = last.map_or(0, |last| last + 1);
    let declared = run.outline.steps.len();
    let next = (next..declared).take(LISTED - places.len());
    places.extend(next.map(|step| (step, WHOLE)));
    let mut found = Vec::with_capacity(places.len());
    let mut asked: Option<(usize, Arc<Declared>)> = None;
    for (step, item) in places {
        let item = usize::try_from(item).ok();
        let of_program = asked.as_ref().filter(|(of, _)| *of == step);
        let of_program = of_program.map(|(_, asked)| asked);
        let declared = run.outline.steps.get(step).or(of_program);
        let (of, place) = ((run.id, run.number), At { step, item });
        if let Some(row) = stored_one(connection, WITHOUT_OUTCOME, of, place, declared)? {
            asked = Some((step, row.declared.clone()));
            found.push(row);
        }
    }
    Ok(found)
}

/// The step of this id.
pub(in super::super) fn of_id(
    connection: &Connection,
    id: StepId,
) -> rusqlite::Result<Option<StepRow>> {
    // A step's id begins with the time of its run's.
    let time = format!("run_{:012x}", id.bits() >> 80);
    let mut statement = connection.prepare_cached(
        "SELECT r.number, r.id, o.data FROM runs r JOIN outlines o ON o.n = r.outline
         WHERE r.id >= ?1 AND r.id < ?1 || '~'",
    )?;
    let mut candidates = statement.query([time])?;
    while let Some(candidate) = candidates.next()? {
        let number: u64 = candidate.get(0)?;
        let run = parse(&format!("\"{}\"", candidate.get_ref(1)?.as_str()?))?;
        let outline: Outline = parse(candidate.get_ref(2)?.as_str()?)?;
        let outline = outline.steps;
        if let Some(at) = find(connection, (run, number), &outline, id)? {
            return stored_one(
                connection,
                WHOLE_ROW,
                (run, number),
                at,
                outline.get(at.step),
            );
        }
    }
    Ok(None)
}

fn find(
    connection: &Connection,
    (run, number): (RunId, u64),
    outline: &[Arc<Declared>],
    id: StepId,
) -> rusqlite::Result<Option<At>> {
    let is_it = |declared: &Declared| StepId::of(run, &declared.key) == id;
    if let Some(step) = outline.iter().position(|declared| is_it(declared)) {
        return Ok(Some(At { step, item: None }));
    }
    let mut statement = connection.prepare_cached(
        "SELECT step, data FROM steps WHERE run = ?1 AND item = -1 AND instr(data, '\"declared\":')",
    )?;
    let mut rows = statement.query([number])?;
    while let Some(row) = rows.next()? {
        let stored: Stored<'_> = parse(row.get_ref(1)?.as_str()?)?;
        if stored.declared.as_ref().is_some_and(is_it) {
            let step = row.get(0)?;
            return Ok(Some(At { step, item: None }));
        }
    }
    // Only steps that have items are asked for theirs.
    let mut statement = connection.prepare_cached(
        "SELECT step, data FROM steps WHERE run = ?1 AND item = -1 AND instr(data, '\"items\":')",
    )?;
    let mut rows = statement.query([number])?;
    while let Some(row) = rows.next()? {
        let step: usize = row.get(0)?;
        let stored: Stored<'_> = parse(row.get_ref(1)?.as_str()?)?;
        let Some(declared) = outline.get(step) else {
            continue;
        };
        let is_it = |item: &u32| StepId::of(run, &format!("{}.{item}", declared.key)) == id;
        if let Some(item) = (0..stored.items).find(is_it) {
            let item = Some(item as usize);
            return Ok(Some(At { step, item }));
        }
    }
    Ok(None)
}
