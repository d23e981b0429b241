//! Passwords: argon2id, with a salt of their own.

use argon2::Argon2;

/// The shortest password, in characters.
pub const SHORTEST: usize = 10;

/// The longest, in bytes: hashing takes as long as the text is.
pub const LONGEST: usize = 1024;

/// The length of a hash, in bytes.
const LENGTH: usize = 32;

/// Salt and hash of a password; `None` when it cannot be hashed. Takes a while.
pub fn hash(password: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let salt = uuid::Uuid::new_v4().as_bytes().to_vec();
    let hash = derive(password, &salt)?;
    Some((salt, hash))
}

/// Whether this is the password of the hash. Takes as long when there is none, so that nobody
/// learns which users there are.
pub fn fits(password: &str, kept: Option<&(Vec<u8>, Vec<u8>)>) -> bool {
    if password.len() > LONGEST {
        return false;
    }
    let nobody = (vec![0; 16], Vec::new());
    let (salt, hash) = kept.unwrap_or(&nobody);
    let derived = derive(password, salt);
    // Of what an attacker cannot choose: how long comparing takes says nothing.
    kept.is_some() && derived.is_some_and(|derived| derived == *hash)
}

fn derive(password: &str, salt: &[u8]) -> Option<Vec<u8>> {
    let mut hash = vec![0; LENGTH];
    let done = Argon2::default().hash_password_into(password.as_bytes(), salt, &mut hash);
    done.ok().map(|()| hash)
}
