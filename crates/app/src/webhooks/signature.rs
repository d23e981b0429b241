//! Signatures of webhooks: Standard Webhooks 1.0 (symmetric, `v1`), and GitHub's
//! `X-Hub-Signature-256`.

use std::time::Duration;

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use baton_core::time::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a secret begins with in its text form.
const PREFIX: &str = "whsec_";

/// How far a delivery's time may be from ours (Standard Webhooks: replay attacks).
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// A key for signatures.
pub struct Key(Vec<u8>);

impl Key {
    /// The key of a secret that we made or checked: `whsec_` and base64 of 24 to 64 bytes.
    #[must_use]
    pub fn parse(secret: &str) -> Option<Self> {
        let bytes = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
        (24..=64).contains(&bytes.len()).then_some(Self(bytes))
    }

    /// The key of a secret that somebody else chose: `whsec_…`, or any text.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self::parse(secret).unwrap_or_else(|| Self(secret.as_bytes().to_vec()))
    }

    /// A new secret's text.
    #[must_use]
    pub fn made() -> String {
        let halves = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
        let bytes: Vec<u8> = halves.iter().flat_map(|half| *half.as_bytes()).collect();
        format!("{PREFIX}{}", STANDARD.encode(bytes))
    }

    fn mac(&self, parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
        // HMAC takes keys of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        parts.iter().for_each(|part| mac.update(part));
        Some(mac)
    }

    /// `webhook-signature` of this message; the time is in seconds.
    #[must_use]
    pub fn sign(&self, id: &str, seconds: u64, body: &[u8]) -> String {
        let head = format!("{id}.{seconds}.");
        let mac = self.mac(&[head.as_bytes(), body]);
        let bytes = mac.map(|mac| mac.finalize().into_bytes().to_vec());
        format!("v1,{}", STANDARD.encode(bytes.unwrap_or_default()))
    }

    /// Whether these headers prove that whoever knows the key sent this body, and about now. Gives
    /// the delivery's id: a repeat has the same.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn prove(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Option<String>, &'static str> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(given) = text("x-hub-signature-256") {
            let given = given.strip_prefix("sha256=").and_then(from_hex);
            let mac = self.mac(&[body]);
            let fits = mac
                .zip(given)
                .is_some_and(|(mac, given)| mac.verify_slice(&given).is_ok());
            return match fits {
                true => Ok(text("x-github-delivery").map(str::to_owned)),
                false => Err("`X-Hub-Signature-256` does not fit the body and the secret"),
            };
        }
        let (Some(id), Some(seconds), Some(signatures)) = (
            text("webhook-id"),
            text("webhook-timestamp"),
            text("webhook-signature"),
        ) else {
            return Err(
                "sign the body: `X-Hub-Signature-256`, or the headers of Standard Webhooks",
            );
        };
        let seconds: u64 = seconds
            .parse()
            .map_err(|_| "`webhook-timestamp` is not a number of seconds")?;
        let apart = now.millis().abs_diff(seconds.saturating_mul(1000));
        if u128::from(apart) > TOLERANCE.as_millis() {
            return Err("`webhook-timestamp` is more than five minutes from now");
        }
        let head = format!("{id}.{seconds}.");
        let fits = |signature: &str| {
            let given = signature.strip_prefix("v1,");
            let given = given.and_then(|given| STANDARD.decode(given).ok());
            let mac = self.mac(&[head.as_bytes(), body]);
            mac.zip(given)
                .is_some_and(|(mac, given)| mac.verify_slice(&given).is_ok())
        };
        match signatures.split(' ').any(fits) {
            true => Ok(Some(id.to_owned())),
            false => Err("`webhook-signature` does not fit the body and the secret"),
        }
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (
                axum::http::HeaderName::from_static(name),
                axum::http::HeaderValue::from_str(value).unwrap(),
            )
        });
        pairs.collect()
    }

    /// The example of the Standard Webhooks specification (symmetric signatures).
    #[test]
    fn the_specifications_example_has_its_signature() {
        let secret = ["whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"].concat();
        let key = Key::parse(&secret).unwrap();
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let body = br#"{"test": 2432232314}"#;
        let signature = key.sign(id, 1_614_265_330, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let all = format!("v1,AAAA {signature}");
        let sent = headers(&[
            ("webhook-id", id),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", &all),
        ]);
        let soon = Timestamp::from_millis(1_614_265_330_000 + 299_000);
        assert_eq!(key.prove(&sent, body, soon), Ok(Some(id.to_owned())));
        assert!(key.prove(&sent, b"{}", soon).is_err());
        let late = Timestamp::from_millis(1_614_265_330_000 + 301_000);
        assert!(key.prove(&sent, body, late).is_err());
    }

    /// The example of GitHub's documentation ("Validating webhook deliveries").
    #[test]
    fn githubs_example_is_proved() {
        let key = Key::of("It's a Secret to Everybody");
        let given = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let sent = headers(&[("x-hub-signature-256", given), ("x-github-delivery", "7")]);
        let now = Timestamp::from_millis(0);
        assert_eq!(
            key.prove(&sent, b"Hello, World!", now),
            Ok(Some("7".into()))
        );
        assert!(key.prove(&sent, b"Hello, World?", now).is_err());
        assert!(key.prove(&headers(&[]), b"Hello, World!", now).is_err());
        let torn = headers(&[("x-hub-signature-256", "sha256=75é")]);
        assert!(key.prove(&torn, b"Hello, World!", now).is_err());
    }

    #[test]
    fn a_made_secret_is_one() {
        assert!(Key::parse(&Key::made()).is_some());
        assert!(Key::parse("whsec_c2hvcnQ=").is_none());
    }
}
