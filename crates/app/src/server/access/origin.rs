//! Which names and pages the server answers: a name that somebody else made point here (DNS
//! rebinding) and a page of another site get nothing.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, header};

use super::super::error::{Answer, Problem};

/// Refuses a request that names another host: an address cannot be made to point here, a name can,
/// so only names that are known count.
///
/// # Errors
/// 421.
pub fn check_host(headers: &HeaderMap, uri_host: Option<&str>, names: &[String]) -> Answer<()> {
    let given = host_of(headers).or(uri_host.map(str::to_owned));
    let host = given.as_deref().and_then(name_of);
    let is_known = host.as_deref().is_some_and(|host| {
        host == "localhost"
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
            || names.iter().any(|name| name.eq_ignore_ascii_case(host))
    });
    if is_known {
        return Ok(());
    }
    let detail =
        "this server is not known by that name: use its address, or start it with `--host NAME`";
    Err(Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "unknown_host",
        detail,
    ))
}

/// Refuses what another site's page asks: to change something, to open a WebSocket, or to sign in.
/// A browser says where a page is from; a program that is none says nothing, and is known by its
/// token, so with a cookie it has to be said.
///
/// # Errors
/// 403.
pub fn check_origin(method: &Method, headers: &HeaderMap, by_cookie: bool) -> Answer<()> {
    let is_socket = headers.contains_key(header::UPGRADE);
    if method.is_safe() && !is_socket {
        return Ok(());
    }
    let same = match headers.get(header::ORIGIN) {
        Some(origin) => {
            let origin = origin
                .to_str()
                .ok()
                .and_then(|origin| origin.split_once("://"));
            let host = host_of(headers);
            origin.is_some_and(|(_, origin)| {
                host.is_some_and(|host| origin.eq_ignore_ascii_case(&host))
            })
        }
        None => {
            let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
            !by_cookie || matches!(site, Some(b"same-origin" | b"none"))
        }
    };
    if same {
        return Ok(());
    }
    let detail =
        "a page of another site may not ask this; a program sends a token instead of the cookie";
    Err(Problem::new(StatusCode::FORBIDDEN, "cross_origin", detail))
}

fn host_of(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    Some(host.trim().to_owned())
}

/// The name without the port, in small letters.
fn name_of(host: &str) -> Option<String> {
    let authority: Authority = host.parse().ok()?;
    // `user@host` names no host.
    if host.contains('@') {
        return None;
    }
    Some(authority.host().trim_end_matches('.').to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (
                header::HeaderName::from_static(name),
                value.parse().unwrap(),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn addresses_and_declared_names_are_known_and_no_others() {
        let names = ["baton.example".to_owned()];
        let answers = |host: &str| check_host(&headers(&[("host", host)]), None, &names).is_ok();
        for host in [
            "127.0.0.1:4747",
            "[::1]:4747",
            "localhost:1",
            "10.0.0.7",
            "Baton.Example",
        ] {
            assert!(answers(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "a@127.0.0.1",
            "127.0.0.1.evil",
            "",
        ] {
            assert!(!answers(host), "{host}");
        }
    }

    #[test]
    fn another_sites_page_changes_nothing_and_opens_no_socket() {
        let here = ("host", "127.0.0.1:4747");
        let post = |more: &[(&'static str, &str)], cookie| {
            let all = [&[here], more].concat();
            check_origin(&Method::POST, &headers(&all), cookie).is_ok()
        };
        assert!(post(&[("origin", "http://127.0.0.1:4747")], true));
        assert!(!post(&[("origin", "http://127.0.0.1:80")], true));
        assert!(!post(&[("origin", "null")], false));
        assert!(post(&[], false), "a program with its token");
        assert!(!post(&[], true), "the cookie alone");
        let socket = [
            here,
            ("origin", "http://evil.example"),
            ("upgrade", "websocket"),
        ];
        assert!(check_origin(&Method::GET, &headers(&socket), true).is_err());
    }
}
