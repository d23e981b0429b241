//! What changes who may come in: users, tokens, members. Each is on disk before it holds.

use std::collections::HashMap;

use baton_core::ids::{CommandId, ProjectId, TokenId, UserId};
use baton_core::time::Timestamp;
use baton_store::access::{AccessError, Member, Token, User};

use super::{Access, Role, password, secret_token};

/// The longest name, in characters.
const LONGEST_NAME: usize = 100;

/// Why something was not changed.
#[derive(Debug, thiserror::Error)]
pub enum Change {
    /// A field does not fit: its pointer, and what would be right.
    #[error("{1}")]
    Field(&'static str, String),
    /// There is no such thing.
    #[error("there is no such {0}")]
    None(&'static str),
    /// It is there already.
    #[error("the username `{0}` is taken")]
    Taken(String),
    /// The disk said no.
    #[error(transparent)]
    Disk(#[from] AccessError),
}

/// A user to be made.
#[derive(Debug)]
pub struct NewUser {
    /// What it signs in with.
    pub username: String,
    /// Its name for people.
    pub name: Option<String>,
    /// Its role.
    pub role: Role,
    /// Its password; without one it signs in by tokens only.
    pub password: Option<String>,
    /// What asks for it: the same asks for the same user.
    pub command: Option<CommandId>,
}

/// What changes about a user.
#[derive(Debug, Default)]
pub struct UserChange {
    /// Its name for people.
    pub name: Option<String>,
    /// Its role.
    pub role: Option<Role>,
    /// Its password.
    pub password: Option<String>,
    /// Whether it is kept out.
    pub disabled: Option<bool>,
}

/// A token to be made.
#[derive(Debug)]
pub struct NewToken {
    /// Whose it is.
    pub user: UserId,
    /// Its name for people.
    pub name: String,
    /// The most it gives.
    pub role: Role,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// What asks for it, and the value that only this data directory makes of that: the same asks
    /// for the same token.
    pub command: Option<(CommandId, String)>,
}

fn checked_name(pointer: &'static str, name: &str) -> Result<String, Change> {
    let name = name.trim();
    let fits = !name.is_empty() && name.chars().count() <= LONGEST_NAME;
    if !fits || name.chars().any(char::is_control) {
        let text = format!("a name has 1 to {LONGEST_NAME} characters, and no control characters");
        return Err(Change::Field(pointer, text));
    }
    Ok(name.to_owned())
}

fn checked_password(text: &str) -> Result<(Vec<u8>, Vec<u8>), Change> {
    let (shortest, longest) = (password::SHORTEST, password::LONGEST);
    if text.chars().count() < shortest || text.len() > longest {
        let text =
            format!("a password has at least {shortest} characters, and at most {longest} bytes");
        return Err(Change::Field("/password", text));
    }
    let wrong = || Change::Field("/password", "this password cannot be used".into());
    password::hash(text).ok_or_else(wrong)
}

impl Access {
    /// All users, by name.
    pub fn users(&self) -> Vec<User> {
        let mut users: Vec<User> = self.lock().users.values().cloned().collect();
        users.sort_by(|a, b| a.username.cmp(&b.username));
        users
    }

    /// Makes a user, or gives the one that its command has made. Takes a while, and blocks.
    ///
    /// # Errors
    /// [`Change`].
    pub fn add_user(&self, new: NewUser) -> Result<User, Change> {
        let username = checked_name("/username", &new.username)?;
        let word = |c: char| c.is_alphanumeric() || "._-@+".contains(c);
        if !username.chars().all(word) {
            let text = "a username has letters, digits and `. _ - @ +`";
            return Err(Change::Field("/username", text.into()));
        }
        let name = new.name.as_deref().unwrap_or(&username);
        let user = User {
            id: UserId::from_bits(uuid::Uuid::now_v7().as_u128()),
            name: checked_name("/name", name)?,
            role: new.role.word().into(),
            disabled: false,
            password: new.password.as_deref().map(checked_password).transpose()?,
            created_at: super::super::now(),
            username,
        };
        let mut state = self.lock();
        if let Some(made) = self.made(new.command.as_ref())? {
            let made = made.parse().ok().and_then(|id| state.users.get(&id));
            return made.cloned().ok_or(Change::None("user"));
        }
        if state.named(&user.username).is_some() {
            return Err(Change::Taken(user.username));
        }
        self.store.add_user(&user, new.command.as_ref())?;
        state.users.insert(user.id, user.clone());
        Ok(user)
    }

    /// Changes a user. A new password, or being kept out, ends its sessions. Takes a while, and
    /// blocks.
    ///
    /// # Errors
    /// [`Change`].
    pub fn change_user(&self, id: UserId, change: UserChange) -> Result<User, Change> {
        let password = change
            .password
            .as_deref()
            .map(checked_password)
            .transpose()?;
        let mut state = self.lock();
        let mut user = state.users.get(&id).cloned().ok_or(Change::None("user"))?;
        let demotes = change.role.is_some_and(|role| role != Role::Admin);
        if id == UserId::LOCAL && (demotes || change.disabled == Some(true)) {
            let text = "`local` is the command line's user: it stays an admin";
            return Err(Change::Field("/role", text.into()));
        }
        if let Some(name) = change.name {
            user.name = checked_name("/name", &name)?;
        }
        if let Some(role) = change.role {
            user.role = role.word().into();
        }
        let ends_sessions = password.is_some() || change.disabled == Some(true);
        user.password = password.or(user.password);
        user.disabled = change.disabled.unwrap_or(user.disabled);
        self.store.put_user(&user)?;
        state.users.insert(id, user.clone());
        if ends_sessions {
            state.sessions.retain(|_, session| session.user != id);
            self.store.remove_sessions(id)?;
        }
        Ok(user)
    }

    /// Removes a user with its tokens, sessions and memberships. Blocks.
    ///
    /// # Errors
    /// [`Change`].
    pub fn remove_user(&self, id: UserId) -> Result<(), Change> {
        if id == UserId::LOCAL {
            let text = "`local` is the command line's user: it cannot be removed";
            return Err(Change::Field("", text.into()));
        }
        let mut state = self.lock();
        if !state.users.contains_key(&id) {
            return Err(Change::None("user"));
        }
        self.store.remove_user(id)?;
        state.users.remove(&id);
        state.tokens.retain(|_, token| token.user != id);
        state.sessions.retain(|_, session| session.user != id);
        for members in state.members.values_mut() {
            members.remove(&id);
        }
        Ok(())
    }

    /// A user's tokens, or all, newest first.
    pub fn tokens(&self, of: Option<UserId>) -> Vec<Token> {
        let state = self.lock();
        let fits = |token: &&Token| of.is_none_or(|user| user == token.user);
        let mut tokens: Vec<Token> = state.tokens.values().filter(fits).cloned().collect();
        tokens.sort_by_key(|token| std::cmp::Reverse(token.id));
        tokens
    }

    /// Makes a token, or gives the one that its command has made: it, and its value, which is kept
    /// nowhere. Blocks.
    ///
    /// # Errors
    /// [`Change`].
    pub fn add_token(&self, new: NewToken) -> Result<(Token, String), Change> {
        let (command, value) = match new.command {
            Some((command, value)) => (Some(command), value),
            None => (None, secret_token()),
        };
        let mut state = self.lock();
        if let Some(made) = self.made(command.as_ref())? {
            let token = state.tokens.get(&super::hashed(&value));
            let token = token.filter(|token| token.id.to_string() == made).cloned();
            return Ok((token.ok_or(Change::None("token"))?, value));
        }
        let now = super::super::now();
        if new.expires_at.is_some_and(|ends| ends <= now) {
            return Err(Change::Field("/expires_at", "this is in the past".into()));
        }
        let token = Token {
            id: super::new_token_id(),
            user: new.user,
            name: checked_name("/name", &new.name)?,
            role: new.role.word().into(),
            hash: super::hashed(&value),
            created_at: now,
            expires_at: new.expires_at,
        };
        if !state.users.contains_key(&new.user) {
            return Err(Change::None("user"));
        }
        self.store.put_token(&token, command.as_ref())?;
        state.tokens.insert(token.hash, token.clone());
        Ok((token, value))
    }

    /// The id of what this command has made.
    fn made(&self, command: Option<&CommandId>) -> Result<Option<String>, AccessError> {
        match command {
            Some(command) => self.store.made(command),
            None => Ok(None),
        }
    }

    /// Takes a token back, and the sessions that were made of it; only one of this user, if one is
    /// given. Blocks.
    ///
    /// # Errors
    /// [`Change`].
    pub fn remove_token(&self, id: TokenId, of: Option<UserId>) -> Result<(), Change> {
        let mut state = self.lock();
        let mut tokens = state.tokens.values();
        let found = tokens.find(|token| token.id == id && of.is_none_or(|user| user == token.user));
        let hash = found.ok_or(Change::None("token"))?.hash;
        self.store.remove_token(id)?;
        state.tokens.remove(&hash);
        state
            .sessions
            .retain(|_, session| session.token != Some(id));
        // The next start makes another one.
        let kept = std::fs::read_to_string(&self.token_file).unwrap_or_default();
        if super::hashed(kept.trim()) == hash {
            let _gone_already = std::fs::remove_file(&self.token_file);
        }
        Ok(())
    }

    /// A project's members.
    pub fn members(&self, project: ProjectId) -> Vec<(User, Role)> {
        let state = self.lock();
        let members = state.members.get(&project).into_iter().flatten();
        let known =
            members.filter_map(|(user, role)| Some((state.users.get(user)?.clone(), *role)));
        let mut members: Vec<(User, Role)> = known.collect();
        members.sort_by(|a, b| a.0.username.cmp(&b.0.username));
        members
    }

    /// Says who a project's members are, in place of those it had. Blocks.
    ///
    /// # Errors
    /// [`Change`].
    pub fn set_members(
        &self,
        project: ProjectId,
        members: HashMap<UserId, Role>,
    ) -> Result<(), Change> {
        let mut state = self.lock();
        if members.keys().any(|user| !state.users.contains_key(user)) {
            return Err(Change::None("user"));
        }
        let member = |(user, role): (&UserId, &Role)| Member {
            project,
            user: *user,
            role: role.word().into(),
        };
        let kept: Vec<Member> = members.iter().map(member).collect();
        self.store.put_members(project, &kept)?;
        state.members.insert(project, members);
        Ok(())
    }
}
