//! Who may come in over the network, and what they may: users, tokens, sessions, sign-in links,
//! members of projects, and the trail of who did what.
//!
//! Kept in `access.db`, held in memory: being asked at every request costs no disk. Secrets are
//! known as hashes, apart from the first token's own file (mode 0600). What is written blocks.

mod changes;
mod jwt;
pub mod password;
mod role;
mod throttle;
mod trail;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use baton_core::ids::{ProjectId, TokenId, UserId};
use baton_core::time::Timestamp;
use baton_store::AccessStore;
use baton_store::access::{AccessError, Hashed, Session, Token, User};
use sha2::{Digest, Sha256};

pub use changes::{Change, NewToken, NewUser, UserChange};
pub use jwt::Signers;
pub use role::Role;
use throttle::Throttle;
pub use trail::Trail;

use super::files;

/// The first token's file in the data directory.
const TOKEN: &str = "token";

/// How a token's value begins, so that people and scanners of secrets know it.
pub const TOKEN_PREFIX: &str = "baton_";

/// How long a sign-in link may be used.
const LINK: Duration = Duration::from_secs(15 * 60);

/// How long a browser stays signed in.
pub const SESSION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Names of users that only signed tokens know, at most.
const FOREIGN: usize = 10_000;

/// Who somebody has shown to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The user.
    pub user: UserId,
    /// The user's name to sign in with.
    pub username: String,
    /// The most that what they have shown lets them do.
    pub most: Role,
    /// The role of one whom only their token knows.
    pub given: Option<Role>,
    /// The token that was shown, if it was one that is kept here.
    pub token: Option<TokenId>,
    /// When that token ends, if it does.
    pub until: Option<Timestamp>,
}

/// Why nobody is signed in.
#[derive(Debug, PartialEq, Eq)]
pub enum NotIn {
    /// Not the right words.
    Wrong,
    /// Too often the wrong ones: for this long.
    Wait(Duration),
}

/// See the module.
#[derive(Debug)]
pub struct Access {
    store: Arc<AccessStore>,
    trail: Trail,
    state: Mutex<State>,
    throttle: Mutex<Throttle>,
    signers: Signers,
    token_file: PathBuf,
}

#[derive(Debug, Default)]
struct State {
    users: HashMap<UserId, User>,
    tokens: HashMap<Hashed, Token>,
    sessions: HashMap<Hashed, Session>,
    members: HashMap<ProjectId, HashMap<UserId, Role>>,
    links: HashMap<Hashed, Timestamp>,
    /// The names of those whom only signed tokens know, as far as they have come by.
    foreign: HashMap<UserId, String>,
}

/// Why the store could not be opened.
pub type OpenError = Box<dyn std::error::Error + Send + Sync>;

impl Access {
    /// Opens what is kept in this data directory; makes the first user and token when there are
    /// none.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(data_dir: &Path, signers: Signers) -> Result<Self, OpenError> {
        let store = Arc::new(AccessStore::open(data_dir)?);
        let kept = store.everything()?;
        let mut state = State {
            users: kept.users.into_iter().map(|user| (user.id, user)).collect(),
            tokens: kept
                .tokens
                .into_iter()
                .map(|token| (token.hash, token))
                .collect(),
            sessions: kept
                .sessions
                .into_iter()
                .map(|session| (session.hash, session))
                .collect(),
            ..State::default()
        };
        for member in kept.members {
            let role = Role::of(&member.role).unwrap_or(Role::Nobody);
            let of_project = state.members.entry(member.project).or_default();
            of_project.insert(member.user, role);
        }
        let access = Self {
            trail: Trail::begin(store.clone())?,
            store,
            state: Mutex::new(state),
            throttle: Mutex::default(),
            signers,
            token_file: data_dir.join(TOKEN),
        };
        access.first()?;
        Ok(access)
    }

    /// The built-in user and its token.
    fn first(&self) -> Result<(), OpenError> {
        let mut state = self.lock();
        let now = super::now();
        if !state.users.contains_key(&UserId::LOCAL) {
            let local = User {
                id: UserId::LOCAL,
                username: "local".into(),
                name: "local".into(),
                role: Role::Admin.word().into(),
                disabled: false,
                password: None,
                created_at: now,
            };
            self.store.put_user(&local)?;
            state.users.insert(local.id, local);
        }
        let kept = match std::fs::read_to_string(&self.token_file) {
            Ok(text) => Some(text.trim().to_owned()).filter(|token| !token.is_empty()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let value = match kept {
            Some(token) => token,
            None => {
                let token = secret_token();
                files::write_private(&self.token_file, format!("{token}\n").as_bytes())?;
                token
            }
        };
        let hash = hashed(&value);
        if let Entry::Vacant(free) = state.tokens.entry(hash) {
            let token = Token {
                id: new_token_id(),
                user: UserId::LOCAL,
                name: "the data directory's own".into(),
                role: Role::Admin.word().into(),
                hash,
                created_at: now,
                expires_at: None,
            };
            self.store.put_token(&token, None)?;
            free.insert(token);
        }
        Ok(())
    }

    /// Whose token this is.
    pub fn token(&self, value: &str) -> Option<Shown> {
        let mut state = self.lock();
        match state.tokens.get(&hashed(value)) {
            Some(token) => {
                let ended = token.expires_at.is_some_and(|ends| super::now() >= ends);
                let most = Role::of(&token.role)?;
                let shown = state.shown(token.user, most).filter(|_| !ended)?;
                Some(Shown {
                    token: Some(token.id),
                    until: token.expires_at,
                    ..shown
                })
            }
            None if value.split('.').count() == 3 => {
                let claims = self.signers.read_token(value)?;
                let shown = state.claimed(&claims.sub, claims.role)?;
                state.remember(&shown);
                Some(Shown {
                    until: Some(claims.until()),
                    ..shown
                })
            }
            None => None,
        }
    }

    /// Whose session this is.
    pub fn session(&self, value: &str) -> Option<Shown> {
        let state = self.lock();
        let session = state.sessions.get(&hashed(value))?;
        let holds = super::now() < session.expires_at;
        holds
            .then(|| state.shown(session.user, Role::Admin))
            .flatten()
    }

    /// A user's name for people; the id, when nobody knows it (any more).
    pub fn name(&self, user: UserId) -> String {
        let state = self.lock();
        let known = state.users.get(&user).map(|user| &user.name);
        let known = known.or_else(|| state.foreign.get(&user));
        known.cloned().unwrap_or_else(|| user.to_string())
    }

    /// What somebody may do where no project is meant. Asked anew each time: what is taken away is
    /// gone at once.
    pub fn role(&self, who: &Shown) -> Role {
        self.lock().role(who)
    }

    /// What somebody may do in a project: one without members is everybody's, one with members is
    /// theirs and the admins'.
    pub fn role_in(&self, who: &Shown, project: ProjectId) -> Role {
        let state = self.lock();
        let role = state.role(who);
        let members = state
            .members
            .get(&project)
            .filter(|members| !members.is_empty());
        match members {
            Some(members) if role != Role::Admin => {
                let own = members.get(&who.user).copied().unwrap_or(Role::Nobody);
                own.min(who.most)
            }
            _ => role,
        }
    }

    /// A secret that signs in once, for a quarter of an hour.
    pub fn link(&self) -> String {
        let link = secret();
        let now = super::now();
        let mut state = self.lock();
        state.links.retain(|_, made| now.since(*made) < LINK);
        state.links.insert(hashed(&link), now);
        link
    }

    /// The user of a link that was not used yet, or of a token.
    ///
    /// # Errors
    /// [`NotIn`].
    pub fn proven(&self, proof: &str, from: &str) -> Result<Shown, NotIn> {
        let now = super::now();
        self.may_try(&[from], now)?;
        let made = self.lock().links.remove(&hashed(proof));
        let is_fresh = made.is_some_and(|made| now.since(made) < LINK);
        let shown = match is_fresh {
            true => self.lock().shown(UserId::LOCAL, Role::Admin),
            // Only users that are kept here have sessions, and a session may do all that its user may.
            false => self
                .token(proof)
                .filter(|shown| shown.given.is_none() && self.is_whole(shown)),
        };
        self.tried(&[from], now, shown)
    }

    /// Whether a token lets its user do everything that the user may do anywhere.
    fn is_whole(&self, shown: &Shown) -> bool {
        let state = self.lock();
        let user = state.users.get(&shown.user);
        let own = user.and_then(|user| Role::of(&user.role));
        let of_projects = state.members.values();
        let of_projects = of_projects.filter_map(|members| members.get(&shown.user).copied());
        let most = own.into_iter().chain(of_projects).max();
        most.is_none_or(|role| role <= shown.most)
    }

    /// The user of this name and password. Takes a while.
    ///
    /// # Errors
    /// [`NotIn`].
    pub fn named(&self, username: &str, password: &str, from: &str) -> Result<Shown, NotIn> {
        let now = super::now();
        let name = format!("name {}", username.to_lowercase());
        self.may_try(&[from, &name], now)?;
        let found = self.lock().named(username).cloned();
        let kept = found.as_ref().and_then(|user| user.password.as_ref());
        let fits = password::fits(password, kept);
        let user = found.filter(|user| fits && !user.disabled);
        let shown = user.and_then(|user| self.lock().shown(user.id, Role::Admin));
        self.tried(&[from, &name], now, shown)
    }

    fn may_try(&self, who: &[&str], now: Timestamp) -> Result<(), NotIn> {
        let throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = who.iter().filter_map(|who| throttle.wait(who, now)).max();
        wait.map_or(Ok(()), |wait| Err(NotIn::Wait(wait)))
    }

    fn tried(&self, who: &[&str], now: Timestamp, shown: Option<Shown>) -> Result<Shown, NotIn> {
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        for who in who {
            match &shown {
                Some(_) => throttle.forget(who),
                None => throttle.mistake(who, now),
            }
        }
        shown.ok_or(NotIn::Wrong)
    }

    /// Signs a browser in: the session's value, and how long it lasts: no longer than what was shown for it.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn sign_in(&self, who: &Shown) -> Result<(String, Duration), AccessError> {
        let value = secret();
        let now = super::now();
        let most = now.plus(SESSION);
        let ends = who.until.map_or(most, |until| until.min(most));
        let mut state = self.lock();
        let session = Session {
            hash: hashed(&value),
            user: who.user,
            expires_at: ends,
            // One that was taken back meanwhile is refused by the disk.
            token: who.token,
        };
        self.store.put_session(&session, now)?;
        state.sessions.retain(|_, session| now < session.expires_at);
        state.sessions.insert(session.hash, session);
        Ok((value, ends.since(now)))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`AccessError`]; it has ended in this host anyway.
    pub fn sign_out(&self, value: &str) -> Result<(), AccessError> {
        let hash = hashed(value);
        self.lock().sessions.remove(&hash);
        self.store.remove_session(&hash)
    }

    /// The trail of who did what.
    pub fn trail(&self) -> &Trail {
        &self.trail
    }

    /// What was done, newest first: number, when, and JSON. Blocks.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn deeds(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Timestamp, String)>, AccessError> {
        self.trail.flush();
        self.store.deeds(before, limit)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn named(&self, username: &str) -> Option<&User> {
        let mut users = self.users.values();
        users.find(|user| user.username.eq_ignore_ascii_case(username))
    }

    fn shown(&self, user: UserId, most: Role) -> Option<Shown> {
        let user = self.users.get(&user).filter(|user| !user.disabled)?;
        Some(Shown {
            user: user.id,
            username: user.username.clone(),
            most,
            given: None,
            token: None,
            until: None,
        })
    }

    /// Who a signed token is about: a user, or somebody whom it gives a role.
    fn claimed(&self, subject: &str, role: Option<Role>) -> Option<Shown> {
        let by_id = || self.users.get(&subject.parse().ok()?);
        if let Some(user) = self.named(subject).or_else(by_id) {
            return self.shown(user.id, role.unwrap_or(Role::Admin));
        }
        let role = role?;
        Some(Shown {
            user: foreign(subject),
            username: subject.chars().take(100).collect(),
            most: role,
            given: Some(role),
            token: None,
            until: None,
        })
    }

    /// Keeps the name of one whom only their token knows.
    fn remember(&mut self, shown: &Shown) {
        if shown.given.is_some() && self.foreign.len() < FOREIGN {
            let name = || shown.username.clone();
            self.foreign.entry(shown.user).or_insert_with(name);
        }
    }

    fn role(&self, who: &Shown) -> Role {
        let user = self.users.get(&who.user).filter(|user| !user.disabled);
        let own = user.and_then(|user| Role::of(&user.role)).or(who.given);
        own.unwrap_or(Role::Nobody).min(who.most)
    }
}

/// The id of somebody whom only signed tokens know: the same for the same subject.
fn foreign(subject: &str) -> UserId {
    let hash = Sha256::digest(format!("jwt subject {subject}").as_bytes());
    let bits = hash
        .iter()
        .take(16)
        .fold(0, |bits, byte| (bits << 8) | u128::from(*byte));
    UserId::from_bits(bits)
}

fn new_token_id() -> TokenId {
    TokenId::from_bits(uuid::Uuid::now_v7().as_u128())
}

fn hashed(secret: &str) -> Hashed {
    Sha256::digest(secret.as_bytes()).into()
}

/// 244 random bits of the system's.
fn secret() -> String {
    let half = || uuid::Uuid::new_v4().simple();
    format!("{}{}", half(), half())
}

/// A token's value.
fn secret_token() -> String {
    format!("{TOKEN_PREFIX}{}", secret())
}
