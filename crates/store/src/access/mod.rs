//! Who may come in over the network, in `access.db`: users, tokens, sessions, members of projects,
//! and the trail of who did what. Knows no rule: what a role may is the server's to say.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use baton_core::ids::{CommandId, ProjectId, TokenId, UserId};
use baton_core::time::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::journal::make_private;

/// The file's name in the data directory.
const FILE: &str = "access.db";

/// What makes its tables, from each version to the next.
const VERSIONS: [&str; 3] = [
    include_str!("v1.sql"),
    include_str!("v2.sql"),
    include_str!("v3.sql"),
];

/// How long it is known what a command has made: longer than a key stands for its request.
const KNOWN: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// A hash of a secret.
pub type Hashed = [u8; 32];

/// Why the file cannot be used, or was not written.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// SQLite's reason.
    #[error("{FILE}: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// It cannot be made private.
    #[error("{FILE}: {0}")]
    Io(#[from] std::io::Error),
    /// It is of a newer Baton.
    #[error("{FILE} is of a newer version of Baton ({0}); this one knows {newest}", newest = VERSIONS.len())]
    Newer(usize),
}

impl AccessError {
    /// Whether something of this name is there already.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Sqlite(error)
            if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation))
    }
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// What it signs in with; unique whatever the case.
    pub username: String,
    /// Its name for people.
    pub name: String,
    /// Its role's word.
    pub role: String,
    /// It is not let in.
    pub disabled: bool,
    /// Salt and hash of its password, if it has one.
    pub password: Option<(Vec<u8>, Vec<u8>)>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// Whose it is.
    pub user: UserId,
    /// Its name for people.
    pub name: String,
    /// The word of the role that it gives at most.
    pub role: String,
    /// The hash of its value.
    pub hash: Hashed,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// A browser that is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The hash of its value.
    pub hash: Hashed,
    /// Whose it is.
    pub user: UserId,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The token that it was made of, if it was: they end together.
    pub token: Option<TokenId>,
}

/// A user's part in a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The project.
    pub project: ProjectId,
    /// The user.
    pub user: UserId,
    /// The role's word.
    pub role: String,
}

/// All but the trail.
#[derive(Debug, Default)]
pub struct Everything {
    /// All users.
    pub users: Vec<User>,
    /// All tokens.
    pub tokens: Vec<Token>,
    /// All sessions.
    pub sessions: Vec<Session>,
    /// All members.
    pub members: Vec<Member>,
}

/// See the module. Calls block on the disk.
#[derive(Debug)]
pub struct AccessStore(Mutex<Connection>);

type Written = Result<(), AccessError>;

impl AccessStore {
    /// Opens the file in this data directory, or makes it (mode 0600).
    ///
    /// # Errors
    /// [`AccessError`]; the file is then left as it was.
    pub fn open(data_dir: &Path) -> Result<Self, AccessError> {
        let path = data_dir.join(FILE);
        make_private(&path)?;
        let connection = Connection::open(&path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        let found: usize = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if found > VERSIONS.len() {
            return Err(AccessError::Newer(found));
        }
        for (from, step) in VERSIONS.iter().enumerate().skip(found) {
            let transaction = connection.unchecked_transaction()?;
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "user_version", from + 1)?;
            transaction.commit()?;
        }
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(Self(Mutex::new(connection)))
    }

    /// All that is kept, but the trail.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn everything(&self) -> Result<Everything, AccessError> {
        let connection = self.lock();
        Ok(Everything {
            users: all(
                &connection,
                "SELECT id, username, name, role, disabled, salt, password, created_at FROM users",
                user,
            )?,
            tokens: all(
                &connection,
                "SELECT id, user, name, role, hash, created_at, expires_at FROM tokens",
                token,
            )?,
            sessions: all(
                &connection,
                "SELECT hash, user, expires_at, token FROM sessions",
                session,
            )?,
            members: all(
                &connection,
                "SELECT project, user, role FROM members",
                member,
            )?,
        })
    }

    /// The id of what this command has made.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn made(&self, command: &CommandId) -> Result<Option<String>, AccessError> {
        let sql = "SELECT id FROM made WHERE command = ?1";
        let found = self.lock().query_row(sql, [&command.0], |row| row.get(0));
        Ok(found.optional()?)
    }

    /// Keeps a new user, and that this command has made it.
    ///
    /// # Errors
    /// As [`put_user`](Self::put_user).
    pub fn add_user(&self, user: &User, command: Option<&CommandId>) -> Written {
        let connection = self.lock();
        let transaction = connection.unchecked_transaction()?;
        put_user(&transaction, user)?;
        note_made(&transaction, command, &user.id.to_string(), user.created_at)?;
        Ok(transaction.commit()?)
    }

    /// Keeps a user, in place of the one with its id.
    ///
    /// # Errors
    /// [`AccessError`], [taken](AccessError::is_taken) when another one has its username.
    pub fn put_user(&self, user: &User) -> Written {
        put_user(&self.lock(), user)
    }

    /// Forgets a user with its tokens, sessions and memberships.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn remove_user(&self, user: UserId) -> Written {
        self.run("DELETE FROM users WHERE id = ?1", &user.to_string())
    }

    /// Keeps a new token, and that this command has made it.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn put_token(&self, token: &Token, command: Option<&CommandId>) -> Written {
        let sql = "INSERT INTO tokens (id, user, name, role, hash, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let (id, user) = (token.id.to_string(), token.user.to_string());
        let made = token.created_at.millis();
        let ends = token.expires_at.map(Timestamp::millis);
        let values = params![id, user, token.name, token.role, token.hash, made, ends];
        let connection = self.lock();
        let transaction = connection.unchecked_transaction()?;
        transaction.execute(sql, values)?;
        note_made(&transaction, command, &id, token.created_at)?;
        Ok(transaction.commit()?)
    }

    /// Forgets a token and the sessions that were made of it.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn remove_token(&self, token: TokenId) -> Written {
        self.run("DELETE FROM tokens WHERE id = ?1", &token.to_string())
    }

    /// Keeps a new session, and forgets those that have ended.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn put_session(&self, session: &Session, now: Timestamp) -> Written {
        let connection = self.lock();
        connection.execute("DELETE FROM sessions WHERE expires_at < ?1", [now.millis()])?;
        let sql = "INSERT INTO sessions (hash, user, expires_at, token) VALUES (?1, ?2, ?3, ?4)";
        let ends = session.expires_at.millis();
        let token = session.token.map(|token| token.to_string());
        let user = session.user.to_string();
        connection.execute(sql, params![session.hash, user, ends, token])?;
        Ok(())
    }

    /// Forgets a session.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn remove_session(&self, hash: &Hashed) -> Written {
        let sql = "DELETE FROM sessions WHERE hash = ?1";
        self.lock().execute(sql, [hash])?;
        Ok(())
    }

    /// Forgets a user's sessions.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn remove_sessions(&self, user: UserId) -> Written {
        self.run("DELETE FROM sessions WHERE user = ?1", &user.to_string())
    }

    /// Says who a project's members are, in place of those it had.
    ///
    /// # Errors
    /// [`AccessError`]; nothing is changed then.
    pub fn put_members(&self, project: ProjectId, members: &[Member]) -> Written {
        let connection = self.lock();
        let transaction = connection.unchecked_transaction()?;
        let project = project.to_string();
        transaction.execute("DELETE FROM members WHERE project = ?1", [&project])?;
        for member in members {
            let sql = "INSERT INTO members (project, user, role) VALUES (?1, ?2, ?3)";
            let user = member.user.to_string();
            transaction.execute(sql, params![project, user, member.role])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Writes what was done, in one transaction: when, and JSON.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn note(&self, deeds: &[(Timestamp, String)]) -> Written {
        let connection = self.lock();
        let transaction = connection.unchecked_transaction()?;
        for (at, data) in deeds {
            let sql = "INSERT INTO audit (at, data) VALUES (?1, ?2)";
            transaction.execute(sql, params![at.millis(), data])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// What was done, newest first, before the one of number `before`: number, when, and JSON.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn deeds(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Timestamp, String)>, AccessError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT id, at, data FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        )?;
        let before = before.map_or(i64::MAX, |id| i64::try_from(id).unwrap_or(i64::MAX));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![before, limit], |row| {
            Ok((row.get(0)?, time(row, 1)?, row.get(2)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn run(&self, sql: &str, id: &str) -> Written {
        self.lock().execute(sql, [id])?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put_user(connection: &Connection, user: &User) -> Written {
    let (salt, password) = user.password.clone().unzip();
    let sql = "INSERT INTO users (id, username, name, role, disabled, salt, password, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (id) DO UPDATE SET username = ?2, name = ?3, role = ?4, disabled = ?5,
           salt = ?6, password = ?7";
    let id = user.id.to_string();
    let made = user.created_at.millis();
    let (username, name, role) = (&user.username, &user.name, &user.role);
    let values = params![
        id,
        username,
        name,
        role,
        user.disabled,
        salt,
        password,
        made
    ];
    connection.execute(sql, values)?;
    Ok(())
}

fn note_made(
    connection: &Connection,
    command: Option<&CommandId>,
    id: &str,
    now: Timestamp,
) -> Written {
    let Some(command) = command else {
        return Ok(());
    };
    let old = now.millis().saturating_sub(KNOWN.as_secs() * 1000);
    connection.execute("DELETE FROM made WHERE at < ?1", [old])?;
    let sql = "INSERT INTO made (command, id, at) VALUES (?1, ?2, ?3)";
    connection.execute(sql, params![command.0, id, now.millis()])?;
    Ok(())
}

fn all<T>(
    connection: &Connection,
    sql: &str,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, AccessError> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    let salt: Option<Vec<u8>> = row.get(5)?;
    let password: Option<Vec<u8>> = row.get(6)?;
    Ok(User {
        id: id(row, 0)?,
        username: row.get(1)?,
        name: row.get(2)?,
        role: row.get(3)?,
        disabled: row.get(4)?,
        password: salt.zip(password),
        created_at: time(row, 7)?,
    })
}

fn token(row: &Row<'_>) -> rusqlite::Result<Token> {
    let ends: Option<u64> = row.get(6)?;
    Ok(Token {
        id: id(row, 0)?,
        user: id(row, 1)?,
        name: row.get(2)?,
        role: row.get(3)?,
        hash: row.get(4)?,
        created_at: time(row, 5)?,
        expires_at: ends.map(Timestamp::from_millis),
    })
}

fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        hash: row.get(0)?,
        user: id(row, 1)?,
        expires_at: time(row, 2)?,
        token: match row.get_ref(3)? {
            rusqlite::types::ValueRef::Null => None,
            _ => Some(id(row, 3)?),
        },
    })
}

fn member(row: &Row<'_>) -> rusqlite::Result<Member> {
    Ok(Member {
        project: id(row, 0)?,
        user: id(row, 1)?,
        role: row.get(2)?,
    })
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

fn id<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: String = row.get(column)?;
    let wrong =
        |error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error));
    text.parse().map_err(wrong)
}
