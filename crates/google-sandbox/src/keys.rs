//! The sandbox's two RSA keys and what is signed with them.
//!
//! Not secrets: both keys are public test material, see `keys/README.md`. Invariant: a signature
//! made here verifies with the key set served at `/oauth2/v3/certs`.

use std::sync::LazyLock;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    rand::SystemRandom,
    rsa::{KeyPair, PublicKeyComponents},
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey},
};
use serde_json::{Value, json};

/// The demo service account; its client id may act for every account of the sandbox.
pub const SERVICE_ACCOUNT_EMAIL: &str = "robot@sandbox-project.iam.gserviceaccount.com";

/// The key id of the id-token key.
pub(crate) const ID_TOKEN_KEY: &str = "sandbox-id-token-key-1";

const SERVICE_ACCOUNT_KEY: &str = "sandbox-service-account-key-1";
const ID_TOKEN_PKCS8: &[u8] = include_bytes!("../keys/id-token.pk8");
const SERVICE_ACCOUNT_PKCS8: &[u8] = include_bytes!("../keys/service-account.pk8");

static ID_TOKEN: LazyLock<KeyPair> = LazyLock::new(|| pair(ID_TOKEN_PKCS8));
static SERVICE_ACCOUNT: LazyLock<KeyPair> = LazyLock::new(|| pair(SERVICE_ACCOUNT_PKCS8));

fn pair(pkcs8: &[u8]) -> KeyPair {
    KeyPair::from_pkcs8(pkcs8).expect("the embedded keys are well formed")
}

/// The key file of the demo service account, as Google's console would hand it out.
///
/// `base_url` is where the sandbox is reached; the token address points there.
pub fn service_account_key(base_url: &str) -> Value {
    let encoded = STANDARD.encode(SERVICE_ACCOUNT_PKCS8);
    let lines: Vec<String> = encoded
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let label = "PRIVATE KEY";
    json!({
        "type": "service_account",
        "project_id": "sandbox-project",
        "private_key_id": SERVICE_ACCOUNT_KEY,
        "private_key": format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")),
        "client_email": SERVICE_ACCOUNT_EMAIL,
        "client_id": "100000000000000000001",
        "auth_uri": format!("{base_url}/accounts.google.com/o/oauth2/v2/auth"),
        "token_uri": format!("{base_url}/oauth2.googleapis.com/token"),
    })
}

/// The public half of the id-token key as a JSON web key set.
pub(crate) fn key_set() -> Value {
    let parts: PublicKeyComponents<Vec<u8>> = ID_TOKEN.public_key().into();
    json!({"keys": [{
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": ID_TOKEN_KEY,
        "n": URL_SAFE_NO_PAD.encode(parts.n),
        "e": URL_SAFE_NO_PAD.encode(parts.e),
    }]})
}

/// A signed id token with these claims.
pub(crate) fn id_token(claims: &Value) -> String {
    let header = json!({"alg": "RS256", "kid": ID_TOKEN_KEY, "typ": "JWT"});
    let text = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let mut signature = vec![0; ID_TOKEN.public().modulus_len()];
    ID_TOKEN
        .sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            text.as_bytes(),
            &mut signature,
        )
        .expect("the signature has the length of the modulus");
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The claims of an id token that this sandbox signed.
pub(crate) fn read_id_token(token: &str) -> Option<Value> {
    verified(token, &ID_TOKEN)
}

/// The claims of a service account's assertion, if its signature is good.
pub(crate) fn read_assertion(token: &str) -> Option<Value> {
    verified(token, &SERVICE_ACCOUNT)
}

fn verified(token: &str, key: &KeyPair) -> Option<Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let decode = |part: &str| -> Option<Value> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    if decode(header)?.get("alg").and_then(Value::as_str) != Some("RS256") {
        return None;
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public().as_ref())
        .verify(signed.as_bytes(), &signature)
        .ok()?;
    decode(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_tokens_verify_and_forged_ones_do_not() {
        let token = id_token(&json!({"sub": "1"}));
        assert_eq!(read_id_token(&token), Some(json!({"sub": "1"})));
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let forged = format!(
            "{}.{}.{signature}",
            signed.split('.').next().expect("a header"),
            URL_SAFE_NO_PAD.encode(r#"{"sub":"2"}"#)
        );
        assert_eq!(read_id_token(&forged), None);
        assert_eq!(read_assertion(&token), None);
    }
}
