//! The web app's session cookie: no script can read it, no other site can send it.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};

/// Its name.
const NAME: &str = "baton_session";

/// The session that these headers carry.
pub fn session(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter();
    let pairs = cookies.filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|value| value.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(NAME)?.strip_prefix('='))
}

/// Makes a browser send this session from now on, as long as it lasts; when secure, only over TLS.
pub fn set(session: &str, lasts: Duration, is_secure: bool) -> Option<HeaderValue> {
    let secure = if is_secure { "; Secure" } else { "" };
    let kept = lasts.as_secs();
    let value =
        format!("{NAME}={session}; Path=/; HttpOnly; SameSite=Strict; Max-Age={kept}{secure}");
    HeaderValue::from_str(&value).ok()
}

/// Makes a browser forget its session.
pub fn clear() -> Option<HeaderValue> {
    let value = format!("{NAME}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    HeaderValue::from_str(&value).ok()
}
