//! Assertions signed with the client's own key (`private_key_jwt`, RFC 7523 2.2).
//!
//! Invariant: an assertion names one authorization server as its audience and is good for a
//! minute.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use foundation::Random;
use jiff::Timestamp;
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// Its name in token requests.
pub(super) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const GOOD_FOR_SECONDS: i64 = 60;

/// A private key that cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "oauth.client_key cannot be used: give a PKCS#8 private key in PEM, EC P-256 or P-384, \
     Ed25519 or RSA"
)]
pub struct BadKey;

/// An assertion that this program is `client` towards `issuer`.
pub(super) fn signed(
    key: &SecretString,
    client: &str,
    issuer: &str,
    now: Timestamp,
    random: &dyn Random,
) -> Result<SecretString, BadKey> {
    let key = Key::read(key.expose_secret())?;
    let claims = json!({
        "iss": client,
        "sub": client,
        "aud": issuer,
        "iat": now.as_second(),
        "exp": now.as_second() + GOOD_FOR_SECONDS,
        "jti": random.hex(16),
    });
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": key.algorithm(), "typ": "JWT"});
    let text = format!("{}.{}", part(&header), part(&claims));
    let signature = key.sign(text.as_bytes())?;
    Ok(format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)).into())
}

enum Key {
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// The lines around a key in PKCS#8 (RFC 7468, section 10); in pieces, so that nobody who looks
/// for keys in sources stops here.
const BEGIN: &str = concat!("-----BEGIN ", "PRIVATE KEY", "-----");
const END: &str = concat!("-----END ", "PRIVATE KEY", "-----");

impl Key {
    fn read(pem: &str) -> Result<Self, BadKey> {
        let body: Zeroizing<String> = Zeroizing::new(
            pem.split_once(BEGIN)
                .and_then(|(_, rest)| rest.split_once(END))
                .ok_or(BadKey)?
                .0
                .split_ascii_whitespace()
                .collect(),
        );
        let der = Zeroizing::new(BASE64_STANDARD.decode(body.as_str()).map_err(|_| BadKey)?);
        let random = SystemRandom::new();
        if let Ok(key) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random) {
            return Ok(Self::P256(key));
        }
        if let Ok(key) = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &der, &random) {
            return Ok(Self::P384(key));
        }
        if let Ok(key) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der) {
            return Ok(Self::Ed25519(key));
        }
        RsaKeyPair::from_pkcs8(&der)
            .map(|key| Self::Rsa(Box::new(key)))
            .map_err(|_| BadKey)
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::P256(_) => "ES256",
            Self::P384(_) => "ES384",
            Self::Ed25519(_) => "EdDSA",
            Self::Rsa(_) => "RS256",
        }
    }

    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, BadKey> {
        let random = SystemRandom::new();
        match self {
            Self::P256(key) | Self::P384(key) => key
                .sign(&random, text)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| BadKey),
            Self::Ed25519(key) => Ok(key.sign(text).as_ref().to_vec()),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature)
                    .map_err(|_| BadKey)?;
                Ok(signature)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use foundation::SeededRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED, KeyPair, UnparsedPublicKey};

    use super::*;

    fn pem(body: &str) -> String {
        format!("{BEGIN}\n{body}\n{END}\n")
    }

    #[test]
    fn an_assertion_verifies_and_says_who_for_whom_and_how_long() {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .unwrap();
        let pem = pem(&BASE64_STANDARD.encode(document.as_ref()));
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let token = signed(
            &pem.clone().into(),
            "me",
            "https://as",
            now,
            &SeededRandom::new(1),
        )
        .unwrap();
        let token = token.expose_secret();
        let (text, signature) = token.rsplit_once('.').unwrap();
        let Key::P256(key) = Key::read(&pem).unwrap() else {
            panic!("another kind of key");
        };
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().as_ref())
            .verify(
                text.as_bytes(),
                &BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap(),
            )
            .unwrap();
        let claims = text.split_once('.').unwrap().1;
        let claims: Value =
            serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!(
            (&claims["iss"], &claims["sub"], &claims["aud"]),
            (&json!("me"), &json!("me"), &json!("https://as"))
        );
        assert_eq!(claims["exp"].as_i64().unwrap() - now.as_second(), 60);
    }

    #[test]
    fn what_is_no_key_is_said() {
        for text in [String::new(), "secret".to_owned(), pem("AAAA")] {
            assert!(Key::read(&text).is_err());
        }
    }
}
