//! Which runs a list shows, newest first: by indices that have their numbers in order, so that a page
//! costs the same however many runs there are.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use baton_core::ids::{DefinitionId, ProjectId, RunId};
use rusqlite::types::Value;
use rusqlite::{CachedStatement, Connection, Params, params, params_from_iter};

/// Which runs are listed; empty lists and `None` are no condition.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Of this project.
    pub project: Option<ProjectId>,
    /// Of one of these projects; `None` is all.
    pub projects: Option<Vec<ProjectId>>,
    /// With one of these status words.
    pub statuses: Vec<String>,
    /// In one of these phases.
    pub phases: Vec<String>,
    /// Of one of these definitions, by key or id.
    pub definitions: Vec<String>,
    /// Children and forks of this run.
    pub parent: Option<RunId>,
    /// Part of the name in any case, the number, or the beginning of the id.
    pub q: Option<String>,
}

/// The words of a run's status.
pub const STATUSES: [&str; 6] = [
    "pending",
    "running",
    "paused",
    "completed",
    "failed",
    "cancelled",
];

/// Runs that are looked at one by one before a search goes by its words.
const LOOKED_AT: usize = 2_000;

/// Runs whose ids begin as a search says, at most.
const BEGIN_SO: u32 = 10_000;

/// What is indexed of names is each run of so many characters. Fewer are what one of these begins
/// with: so that it is true of a name's last ones too, [`END`] follows it twice there.
const GRAM: usize = 3;

/// Follows a name in the index. As `char(1)` in `indices.sql`.
const END: char = '\u{1}';

/// Notes what a new run is found by.
pub(super) fn note(connection: &Connection, number: u64, name: &str) -> rusqlite::Result<()> {
    let name = name.to_lowercase();
    connection
        .prepare_cached("INSERT INTO names (number, name) VALUES (?1, ?2)")?
        .execute(params![number, name])?;
    Ok(())
}

/// Forgets a run that was removed.
pub(super) fn forget(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM names WHERE number = ?1", [number])?;
    Ok(())
}

/// The numbers of the newest `most` runs that fit, below `before`, in falling order.
pub(super) fn numbers(
    connection: &Connection,
    filter: &RunFilter,
    before: Option<u64>,
    most: usize,
) -> rusqlite::Result<Vec<i64>> {
    let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
    let searched = filter.q.as_deref().filter(|q| !q.is_empty());
    let plan = Plan::of(filter);
    match searched {
        None => Ok(plan.walk(connection, before, None, most)?.0),
        Some(q) => Search::of(connection, q)?.numbers(connection, &plan, before, most),
    }
}

/// What an index has in order: the runs of one status that belong to one thing.
struct Stream {
    /// From the table to the status.
    sql: String,
    value: Option<Value>,
}

/// The next run of a stream: its number, which stream, and whether its name has what is searched for.
type Head = (i64, Reverse<usize>, Option<bool>);

/// How a filter is gone through.
struct Plan {
    /// Together they have each run that fits.
    streams: Vec<Stream>,
    /// What remains to be asked of each run of theirs, and its values.
    rest: (String, Vec<Value>),
    /// All that is asked of a run.
    whole: (String, Vec<Value>),
}

/// Values of a column of which a run has one.
type Asked = Vec<(&'static str, Value)>;

impl Plan {
    /// The narrowest thing that is asked for leads; each of its values is one stream per status.
    fn of(filter: &RunFilter) -> Self {
        let statuses = STATUSES.into_iter().filter(|status| {
            filter.statuses.is_empty() || filter.statuses.iter().any(|word| word == status)
        });
        let statuses: Vec<&'static str> = statuses.collect();
        let asked = asked(filter);
        let mut streams = Vec::new();
        for status in &statuses {
            // The word stands in the text: each stream is another statement, so all are kept ready.
            let of_status = format!("status = '{status}'");
            match asked.first() {
                None => streams.push(Stream {
                    sql: format!("runs INDEXED BY runs_status WHERE {of_status}"),
                    value: None,
                }),
                Some(lead) => streams.extend(lead.iter().map(|(column, value)| Stream {
                    sql: format!(
                        "runs INDEXED BY runs_{column} WHERE {column} = ? AND {of_status}"
                    ),
                    value: Some(value.clone()),
                })),
            }
        }
        let mut whole = all_of(&asked);
        let words: Vec<String> = statuses.iter().map(|word| format!("'{word}'")).collect();
        let of_status = format!(" AND status IN ({})", words.join(", "));
        whole.0.push_str(&of_status);
        Self {
            streams,
            rest: all_of(asked.get(1..).unwrap_or_default()),
            whole,
        }
    }

    /// The numbers below `before`, in falling order, at most `most`; when something is searched for, of
    /// the first [`LOOKED_AT`] those that have it. And whether these may not be all.
    fn walk(
        &self,
        connection: &Connection,
        before: i64,
        search: Option<&Search>,
        most: usize,
    ) -> rusqlite::Result<(Vec<i64>, bool)> {
        let (rest, more) = &self.rest;
        let needle = search.map(|search| Value::Text(search.needle.clone()));
        let (has_it, looked_at) = match search {
            Some(_) => (
                "(SELECT instr(name, ?) > 0 FROM names WHERE names.number = runs.number)",
                LOOKED_AT,
            ),
            None => ("1", usize::MAX),
        };
        let mut statements = Vec::with_capacity(self.streams.len());
        for Stream { sql, .. } in &self.streams {
            let sql = format!(
                "SELECT number, {has_it} FROM {sql} AND number < ?{rest} ORDER BY number DESC"
            );
            statements.push(connection.prepare_cached(&sql)?);
        }
        let mut streams = Vec::with_capacity(statements.len());
        for (statement, stream) in statements.iter_mut().zip(&self.streams) {
            let before = Value::Integer(before);
            let values = needle.iter().chain(&stream.value).chain([&before]);
            let values = values.chain(more);
            streams.push(statement.query(params_from_iter(values))?);
        }
        let mut next = |at: usize| -> rusqlite::Result<Option<Head>> {
            let row = streams[at].next()?;
            row.map(|row| Ok((row.get(0)?, Reverse(at), row.get(1)?)))
                .transpose()
        };
        let mut heads = BinaryHeap::new();
        for at in 0..self.streams.len() {
            heads.extend(next(at)?);
        }
        let (mut found, mut gone_through, mut last) = (Vec::new(), 0, None);
        while let Some((number, Reverse(at), has_it)) = heads.pop() {
            if found.len() == most || gone_through == looked_at {
                return Ok((found, true));
            }
            heads.extend(next(at)?);
            // One that is of a definition by its key and by its id is in two streams.
            if last.replace(number) == Some(number) {
                continue;
            }
            gone_through += 1;
            if has_it == Some(true) || search.is_some_and(|search| search.named.contains(&number)) {
                found.push(number);
            }
        }
        Ok((found, false))
    }

    /// Asks a run by its number.
    fn fits(&self, connection: &Connection, number: i64) -> rusqlite::Result<bool> {
        let (condition, values) = &self.whole;
        let sql = format!("SELECT 1 FROM runs WHERE number = ?{condition}");
        let number = Value::Integer(number);
        connection
            .prepare_cached(&sql)?
            .exists(params_from_iter([&number].into_iter().chain(values)))
    }
}

/// What a filter asks beside the status, the narrowest first.
fn asked(filter: &RunFilter) -> Vec<Asked> {
    let one = |column, value: &dyn ToString| (column, Value::Text(value.to_string()));
    let mut asked: Vec<Asked> = Vec::new();
    if let Some(parent) = &filter.parent {
        asked.push(vec![one("parent", parent)]);
    }
    if !filter.definitions.is_empty() {
        let words: BTreeSet<&String> = filter.definitions.iter().collect();
        let column = |word: &String| match word.parse::<DefinitionId>() {
            Ok(_) => one("definition", word),
            Err(_) => one("key", word),
        };
        asked.push(words.into_iter().map(column).collect());
    }
    if !filter.phases.is_empty() {
        let words: BTreeSet<&String> = filter.phases.iter().collect();
        asked.push(words.into_iter().map(|word| one("phase", word)).collect());
    }
    if let Some(project) = &filter.project {
        asked.push(vec![one("project", project)]);
    }
    if let Some(projects) = &filter.projects {
        let projects: BTreeSet<&ProjectId> = projects.iter().collect();
        asked.push(projects.into_iter().map(|id| one("project", id)).collect());
    }
    asked
}

/// ` AND …` of all these.
fn all_of(asked: &[Asked]) -> (String, Vec<Value>) {
    let mut condition = String::new();
    let mut values = Vec::new();
    for part in asked {
        let any: Vec<String> = part
            .iter()
            .map(|(column, _)| format!("{column} = ?"))
            .collect();
        // Of nothing there is nothing.
        let any = if any.is_empty() {
            "0".to_owned()
        } else {
            any.join(" OR ")
        };
        condition.push_str(&format!(" AND ({any})"));
        values.extend(part.iter().map(|(_, value)| value.clone()));
    }
    (condition, values)
}

/// What is searched for.
struct Search {
    /// In lower case.
    needle: String,
    /// Runs that are meant by their number or id.
    named: BTreeSet<i64>,
}

impl Search {
    fn of(connection: &Connection, q: &str) -> rusqlite::Result<Self> {
        let needle = q.to_lowercase();
        let mut named = BTreeSet::new();
        named.extend(needle.trim_start_matches('#').parse::<i64>().ok());
        let hex = needle.strip_prefix("run_").unwrap_or_default();
        if !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let mut statement = connection.prepare_cached(
                "SELECT number FROM runs WHERE id >= ?1 AND id < ?1 || '~' ORDER BY id DESC LIMIT ?2",
            )?;
            let numbers = statement.query_map(params![needle, BEGIN_SO], |row| row.get(0))?;
            named.extend(numbers.collect::<Result<Vec<i64>, _>>()?);
        }
        Ok(Self { needle, named })
    }

    /// Words that are in many names fill a page soon, and those that are in few have few runs to be
    /// asked for the rest.
    fn numbers(
        &self,
        connection: &Connection,
        plan: &Plan,
        before: i64,
        most: usize,
    ) -> rusqlite::Result<Vec<i64>> {
        let (found, is_more) = plan.walk(connection, before, Some(self), most)?;
        if found.len() == most || !is_more {
            return Ok(found);
        }
        let mut found: BTreeSet<i64> = found.into_iter().collect();
        found.extend(self.hits(connection, plan, before, most)?);
        for &number in self.named.range(..before) {
            if plan.fits(connection, number)? {
                found.insert(number);
            }
        }
        Ok(found.into_iter().rev().take(most).collect())
    }

    /// By the words of names alone.
    fn hits(
        &self,
        connection: &Connection,
        plan: &Plan,
        before: i64,
        most: usize,
    ) -> rusqlite::Result<BTreeSet<i64>> {
        if self.needle.contains(['\0', END]) {
            return Ok(BTreeSet::new());
        }
        if self.needle.chars().count() < GRAM {
            let by_beginning = connection.prepare_cached(
                "SELECT DISTINCT doc FROM gram_places
                 WHERE term >= ?1 AND term <= ?1 || char(1114111, 1114111) AND doc < ?2
                 ORDER BY doc DESC",
            )?;
            let values = params![self.needle, before];
            return fitting(connection, plan, by_beginning, values, most);
        }
        let by_grams = connection.prepare_cached(
            "SELECT rowid FROM grams WHERE grams MATCH ?1 AND rowid < ?2 ORDER BY rowid DESC",
        )?;
        let phrase = format!("\"{}\"", self.needle.replace('"', "\"\""));
        fitting(connection, plan, by_grams, params![phrase, before], most)
    }
}

fn fitting(
    connection: &Connection,
    plan: &Plan,
    mut statement: CachedStatement<'_>,
    values: impl Params,
    most: usize,
) -> rusqlite::Result<BTreeSet<i64>> {
    let mut found = BTreeSet::new();
    let mut rows = statement.query(values)?;
    while let Some(row) = rows.next()? {
        let number = row.get(0)?;
        if found.len() == most {
            break;
        }
        if plan.fits(connection, number)? {
            found.insert(number);
        }
    }
    Ok(found)
}
