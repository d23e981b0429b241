//! Tokens signed by keys of a JWKS file.

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rsa::PrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use serde_json::{Value, json};

use crate::server_support::World;

const SECRET: &str = "fake-secret-of-thirty-two-bytes!!";
const LATER: u64 = 4_000_000_000;

struct Signer {
    algorithm: Algorithm,
    key: EncodingKey,
    kid: &'static str,
}

impl Signer {
    fn rsa(kid: &'static str) -> Self {
        let secret = PrivateKey::new(&mut rand::rng(), 2048).unwrap();
        let der = secret.to_pkcs1_der().unwrap();
        Self {
            algorithm: Algorithm::RS256,
            key: EncodingKey::from_rsa_der(der.as_bytes()),
            kid,
        }
    }

    fn elliptic(kid: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        Self {
            algorithm: Algorithm::ES256,
            key: EncodingKey::from_ec_der(pair.serialized_der()),
            kid,
        }
    }

    fn public(&self) -> Jwk {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.kid.into());
        jwk
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_as(Some(self.kid), claims)
    }

    fn sign_as(&self, kid: Option<&str>, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = kid.map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

#[test]
fn tokens_signed_by_a_key_of_the_jwks_file_are_let_in_and_no_others() {
    let (rsa, elliptic) = (Signer::rsa("r"), Signer::elliptic("e"));
    let mut world = World::idle(&[]);
    let keys = JwkSet {
        keys: vec![rsa.public(), elliptic.public()],
    };
    let file = world.directory().join("jwks.json");
    std::fs::write(&file, serde_json::to_string(&keys).unwrap()).unwrap();
    let (net, _) = world.serve_with(&["--jwks", file.to_str().unwrap()], |command| {
        command.env("JWT_SECRET", SECRET);
    });
    let claims = json!({"sub": "ci", "role": "operator", "exp": LATER});
    for signer in [&rsa, &elliptic] {
        let me = net.bearer(&signer.sign(&claims)).get("/api/auth/me");
        assert_eq!(me.status, 200, "{me:?}");
        assert_eq!(me.json()["data"]["role"], "operator");
    }

    let stranger = Signer::elliptic("e");
    let expired = json!({"sub": "ci", "role": "operator", "exp": 1_000_000_000});
    let early = json!({"sub": "ci", "role": "operator", "exp": LATER, "nbf": LATER - 1});
    let endless = json!({"sub": "ci", "role": "operator"});
    // What is public must not count as a secret: RS256's key as that of HS256.
    let public = serde_json::to_vec(&rsa.public()).unwrap();
    let mut confused = Header::new(Algorithm::HS256);
    confused.kid = Some("r".into());
    let as_secret = EncodingKey::from_secret(&public).unwrap();
    let confused = jsonwebtoken::encode(&confused, &claims, &as_secret).unwrap();
    let [head, body, signature]: [&str; 3] = rsa
        .sign(&claims)
        .leak()
        .split('.')
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let none = "eyJhbGciOiJub25lIiwia2lkIjoiciJ9";
    for (why, token) in [
        ("another key under a known name", stranger.sign(&claims)),
        (
            "a name that is not in the file",
            rsa.sign_as(Some("x"), &claims),
        ),
        (
            "no name where there are two keys",
            rsa.sign_as(None, &claims),
        ),
        (
            "the name of a key of another kind",
            rsa.sign_as(Some("e"), &claims),
        ),
        ("expired", elliptic.sign(&expired)),
        ("not yet", elliptic.sign(&early)),
        ("without an end", elliptic.sign(&endless)),
        ("HS256 with the public key", confused),
        ("no algorithm", format!("{none}.{body}.")),
        ("no signature", format!("{head}.{body}.")),
        (
            "an algorithm that is not taken",
            format!("{none}.{body}.{signature}"),
        ),
    ] {
        assert_eq!(net.bearer(&token).get("/api/auth/me").status, 401, "{why}");
    }
}

#[test]
fn a_session_that_was_made_of_a_signed_token_ends_with_it() {
    let signer = Signer::elliptic("e");
    let mut world = World::idle(&[]);
    let keys = JwkSet {
        keys: vec![signer.public()],
    };
    let file = world.directory().join("jwks.json");
    std::fs::write(&file, serde_json::to_string(&keys).unwrap()).unwrap();
    let (net, _) = world.serve(&["--jwks", file.to_str().unwrap()]);
    let ends = jsonwebtoken::get_current_timestamp() + 100;
    for (ends, least, most) in [(ends, 60, 160), (LATER, 2_000_000, 2_592_000)] {
        let token = signer.sign(&json!({"sub": "local", "role": "admin", "exp": ends}));
        let signed_in = net.post("/api/auth/link", &json!({"token": token}));
        assert_eq!(signed_in.status, 200, "{signed_in:?}");
        let cookie = signed_in.header("set-cookie").unwrap();
        let lasts = cookie.split("Max-Age=").nth(1).unwrap();
        let lasts: u64 = lasts.split(';').next().unwrap().parse().unwrap();
        assert!((least..=most).contains(&lasts), "{cookie}");
    }
}

#[test]
fn a_file_that_is_no_jwks_is_refused_at_the_start() {
    let world = World::idle(&[]);
    let file = world.directory().join("jwks.json");
    std::fs::write(&file, "{\"keys\": 1}").unwrap();
    let words = ["--jwks", file.to_str().unwrap()];
    let refused = world.serve_command(&words).output().unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("jwks.json") && said.contains("JWKS"),
        "{said}"
    );
}
