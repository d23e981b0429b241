//! TLS: a real handshake, with a certificate made for the test.

use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::server_support::World;
use crate::server_support::net::{Net, Reply, read};

struct Made {
    chain: PathBuf,
    key: PathBuf,
    certificate: CertificateDer<'static>,
}

fn certificate(world: &World, name: &str) -> Made {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let made = Made {
        chain: world.directory().join(format!("{name}.pem")),
        key: world.directory().join(format!("{name}.key")),
        certificate: cert.der().clone(),
    };
    std::fs::write(&made.chain, cert.pem()).unwrap();
    std::fs::write(&made.key, signing_key.serialize_pem()).unwrap();
    made
}

/// Asks who one is, as a client that trusts this certificate alone.
fn ask(
    net: &Net,
    trusted: &CertificateDer<'static>,
    name: &str,
    token: &str,
) -> Result<Reply, String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerName::try_from(name.to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::new(config), server).unwrap();
    let mut stream = StreamOwned::new(connection, net.connect());
    let port = net.address.port();
    let request = format!(
        "GET /api/auth/me HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\
         authorization: Bearer {token}\r\n\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .map_err(|error| error.to_string())?;
    read(&mut stream).ok_or_else(|| "no answer".into())
}

#[test]
fn a_client_that_trusts_the_certificate_is_answered_and_nobody_else_is() {
    let mut world = World::idle(&[]);
    let ours = certificate(&world, "ours");
    let other = certificate(&world, "other");
    let (chain, key) = (ours.chain.to_str().unwrap(), ours.key.to_str().unwrap());
    let words = ["--tls-cert", chain, "--tls-key", key, "--host", "localhost"];
    let (net, _) = world.serve(&words);
    let token = world.token();

    let me = ask(&net, &ours.certificate, "localhost", &token).unwrap();
    assert_eq!(
        (me.status, me.json()["data"]["role"].as_str()),
        (200, Some("admin"))
    );
    let refused = ask(&net, &other.certificate, "localhost", &token).unwrap_err();
    assert!(refused.contains("certificate"), "{refused}");
    let refused = ask(&net, &ours.certificate, "elsewhere.example", &token).unwrap_err();
    assert!(refused.contains("certificate"), "{refused}");

    // One who speaks plain HTTP gets no answer, and holds nobody up.
    let mut plain = TcpStream::connect(net.address).unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").unwrap();
    let again = ask(&net, &ours.certificate, "localhost", &token).unwrap();
    assert_eq!(again.status, 200);
    let said = read(&mut plain);
    assert!(said.is_none_or(|said| said.status != 200));
}

#[test]
fn a_key_that_does_not_belong_to_its_certificate_is_refused_at_the_start() {
    let world = World::idle(&[]);
    let (ours, other) = (certificate(&world, "ours"), certificate(&world, "other"));
    let words = [
        "--tls-cert",
        ours.chain.to_str().unwrap(),
        "--tls-key",
        other.key.to_str().unwrap(),
    ];
    let refused = world.serve_command(&words).output().unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("ours.pem"), "{said}");
}
