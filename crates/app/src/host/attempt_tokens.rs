//! Tokens for what runs inside an attempt: each names its run and attempt, and opens the MCP server
//! for that attempt alone.
//!
//! A token is proved by a key that only this data directory has, so none is stored, and an attempt
//! that outlives its host keeps its own. Whether the attempt still runs is asked of its run.
//!
//! The same key makes the values of access tokens that are asked for with an `Idempotency-Key`, so
//! that a repeat can be answered with a value that is kept nowhere.

use std::io;
use std::path::Path;

use baton_core::ids::{AttemptId, CommandId, RunId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::access::TOKEN_PREFIX;
use super::files;

/// The key's file in the data directory.
const FILE: &str = "attempts.key";

/// How a token begins, so that people and scanners of secrets know it.
const PREFIX: &str = "baton_att_";

/// The file in an attempt's directory that holds its token.
pub const TOKEN_FILE: &str = "token";

/// See the module.
pub struct AttemptTokens(Hmac<Sha256>);

impl AttemptTokens {
    /// Reads the key, making one if there is none.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join(FILE);
        let key = match std::fs::read(&path) {
            Ok(key) if key.len() >= 32 => key,
            Ok(_) => return Err(io::Error::other(format!("{} is damaged", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let half = || *uuid::Uuid::new_v4().as_bytes();
                let key = [half(), half(), half()].concat();
                files::write_private(&path, &key)?;
                key
            }
            Err(error) => return Err(error),
        };
        let mac = Hmac::new_from_slice(&key).map_err(io::Error::other)?;
        Ok(Self(mac))
    }

    /// The token of this attempt.
    #[must_use]
    pub fn token(&self, run: RunId, attempt: AttemptId) -> String {
        let named = format!("{:032x}{:032x}", run.bits(), attempt.bits());
        format!("{PREFIX}{named}{}", self.digits(&named))
    }

    /// The value of the access token that this command asks for: the same each time.
    #[must_use]
    pub fn asked_by(&self, command: &CommandId) -> String {
        // No attempt's token proves words that begin so.
        format!(
            "{TOKEN_PREFIX}{}",
            self.digits(&format!("token of {command}"))
        )
    }

    fn digits(&self, words: &str) -> String {
        let proof = self.proof(words).finalize().into_bytes();
        proof.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whose token this is; none when it is no token of an attempt.
    #[must_use]
    pub fn read(&self, token: &str) -> Option<(RunId, AttemptId)> {
        let rest = token.strip_prefix(PREFIX)?;
        let (named, proof) = rest.split_at_checked(64)?;
        let (run, attempt) = named.split_at_checked(32)?;
        let run = u128::from_str_radix(run, 16).ok()?;
        let attempt = u128::from_str_radix(attempt, 16).ok()?;
        let digits = proof.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> = digits
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok())
            .collect();
        self.proof(named).verify_slice(&bytes?).ok()?;
        Some((RunId::from_bits(run), AttemptId::from_bits(attempt)))
    }

    fn proof(&self, named: &str) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(named.as_bytes());
        mac
    }
}

impl std::fmt::Debug for AttemptTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AttemptTokens")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_token_names_its_attempt_and_no_other_key_makes_one() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let tokens = AttemptTokens::open(one.path()).unwrap();
        let (run, attempt) = (RunId::from_bits(7), AttemptId::from_bits(u128::MAX));
        let token = tokens.token(run, attempt);
        assert_eq!(tokens.read(&token), Some((run, attempt)));
        let again = AttemptTokens::open(one.path()).unwrap();
        assert_eq!(again.read(&token), Some((run, attempt)));
        let foreign = AttemptTokens::open(other.path()).unwrap();
        assert_eq!(foreign.read(&token), None);
        let asked = CommandId("idem/usr/1/key".into());
        assert_eq!(again.asked_by(&asked), tokens.asked_by(&asked));
        assert_ne!(foreign.asked_by(&asked), tokens.asked_by(&asked));
        let last = token.len() - 1;
        let changed = format!(
            "{}{}",
            &token[..last],
            if token.ends_with('0') { '1' } else { '0' }
        );
        for bad in [&token[..last], "", "baton_att_", "baton_att_é", &changed] {
            assert_eq!(tokens.read(bad), None, "{bad}");
        }
    }
}
