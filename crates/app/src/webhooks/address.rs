//! Where a webhook may go. A name is looked up once and the connection made to what was checked, so
//! that no name can mean a public address when it is checked and another one when it is used.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::http::Uri;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

/// The longest address.
const LONGEST: usize = 2048;

/// Checks an endpoint's address as far as that is possible without a name server.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn check(url: &str, allow_private: bool) -> Result<Uri, String> {
    if url.len() > LONGEST {
        return Err(format!("an address has at most {LONGEST} bytes"));
    }
    let uri: Uri = url
        .parse()
        .map_err(|_| "write an address: `https://example.com/hooks`".to_owned())?;
    if !matches!(uri.scheme_str(), Some("https" | "http")) {
        return Err("the address begins with `https://` or `http://`".into());
    }
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        return Err("the address holds no user name or password".into());
    }
    let host = uri.host().unwrap_or_default();
    if host.is_empty() {
        return Err("the address names no host".into());
    }
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = literal.parse::<IpAddr>()
        && !allow_private
        && !is_public(ip)
    {
        return Err(format!(
            "{ip} is not a public address; `[webhooks] allow_private = true` in baton.toml allows it"
        ));
    }
    Ok(uri)
}

/// Whether an address is reachable from everywhere, by the IANA registries of special-purpose
/// addresses.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b));
    !is_special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, .., g, h] = ip.segments();
    let embedded = || {
        let [ga, gb] = g.to_be_bytes();
        let [ha, hb] = h.to_be_bytes();
        is_public_v4(Ipv4Addr::new(ga, gb, ha, hb))
    };
    if let Some(ip) = ip.to_ipv4_mapped() {
        return is_public_v4(ip);
    }
    match (a, b) {
        // NAT64
        (0x64, 0xff9b) => embedded(),
        (0x2001, 0xdb8) | (0x2002, _) | (0x3fff, 0..=0xfff) => false,
        // Global unicast is 2000::/3, but for what the first 23 bits of 2001:: are given to.
        (0x2001, b) => b >= 0x200,
        _ => (0x2000..0x4000).contains(&a),
    }
}

/// Looks names up, and gives only addresses that a webhook may go to.
#[derive(Debug, Clone)]
pub struct Resolver {
    inner: GaiResolver,
    allow_private: bool,
}

impl Resolver {
    /// One that gives private addresses only when that is allowed.
    #[must_use]
    pub fn new(allow_private: bool) -> Self {
        Self {
            inner: GaiResolver::new(),
            allow_private,
        }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let shown = name.to_string();
        let found = self.inner.call(name);
        let allow_private = self.allow_private;
        Box::pin(async move {
            let all: Vec<SocketAddr> = found.await?.collect();
            let fits: Vec<SocketAddr> = all
                .into_iter()
                .filter(|at| allow_private || is_public(at.ip()))
                .collect();
            if fits.is_empty() {
                let detail = format!("`{shown}` has no public address");
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, detail));
            }
            Ok(fits.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for ip in [
            "8.8.8.8",
            "2606:4700::1111",
            "64:ff9b::808:808",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2001:db8::1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn an_address_says_what_is_wrong_with_it() {
        assert!(check("https://example.com/a?b=c", false).is_ok());
        assert!(check("http://127.0.0.1:9/a", true).is_ok());
        for bad in [
            "ftp://example.com",
            "example.com",
            "https://",
            "https://u:p@example.com",
            "/a",
            "",
            "http://127.0.0.1/",
            "http://[::1]/",
            "https://a b",
        ] {
            assert!(check(bad, false).is_err(), "{bad}");
        }
    }
}
