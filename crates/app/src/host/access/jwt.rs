//! Tokens that somebody else signed: HS256 with `JWT_SECRET`, RS256 and ES256 with the keys of a
//! JWKS file.

use std::path::Path;

use baton_core::time::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

/// The shortest secret, in bytes: a shorter one can be guessed from a token.
const SHORTEST: usize = 32;

/// What a token says.
#[derive(Debug, Deserialize)]
pub struct Claims {
    /// Whom it is about: a username, a user's id, or anything with a role beside it.
    pub sub: String,
    /// The role of one who is not registered here, and the most for one who is.
    pub role: Option<super::Role>,
    /// When it ends, in seconds since 1970 (RFC 7519 allows parts of them).
    exp: f64,
}

/// A token is taken for so long after its end, in seconds: clocks differ.
const LEEWAY: u64 = 60;

impl Claims {
    /// From when on the token is no longer taken.
    pub fn until(&self) -> Timestamp {
        let seconds = (self.exp.max(0.0) as u64).saturating_add(LEEWAY);
        Timestamp::from_millis(seconds.saturating_mul(1000))
    }
}

/// The keys that are trusted.
#[derive(Default)]
pub struct Signers {
    secret: Option<DecodingKey>,
    keys: Option<JwkSet>,
}

impl std::fmt::Debug for Signers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signers").finish_non_exhaustive()
    }
}

impl Signers {
    /// Reads the keys.
    ///
    /// # Errors
    /// What is wrong with them, and what would be right.
    pub fn read(secret: Option<&str>, jwks: Option<&Path>) -> Result<Self, String> {
        let secret = match secret {
            None | Some("") => None,
            Some(secret) if secret.len() < SHORTEST => {
                return Err(format!(
                    "JWT_SECRET is too short: take {SHORTEST} bytes or more"
                ));
            }
            Some(secret) => {
                let key = DecodingKey::from_secret(secret.as_bytes());
                Some(key.map_err(|_| "JWT_SECRET cannot be used")?)
            }
        };
        let keys = match jwks {
            None => None,
            Some(path) => {
                let wrong = |what: String| format!("{}: {what}", path.display());
                let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
                let keys = serde_json::from_slice(&text);
                Some(keys.map_err(|error| wrong(format!("this is no JWKS: {error}")))?)
            }
        };
        Ok(Self { secret, keys })
    }

    /// What a token says, when it is signed by a key that is trusted and holds now.
    pub fn read_token(&self, token: &str) -> Option<Claims> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let (key, algorithm) = match header.alg {
            Algorithm::HS256 => (self.secret.clone()?, Algorithm::HS256),
            algorithm @ (Algorithm::RS256 | Algorithm::ES256) => {
                let keys = self.keys.as_ref()?;
                let key = match header.kid.as_deref() {
                    Some(kid) => keys.find(kid)?,
                    None => keys.keys.first().filter(|_| keys.keys.len() == 1)?,
                };
                (DecodingKey::from_jwk(key).ok()?, algorithm)
            }
            _ => return None,
        };
        // `exp` is required; `nbf` counts when it is there.
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.validate_aud = false;
        let read = jsonwebtoken::decode::<Claims>(token, &key, &validation);
        read.ok().map(|data| data.claims)
    }
}
