//! Who signed in, as Google states it.
//!
//! The statement comes straight from the token endpoint over TLS, so its signature need not be
//! checked (OpenID Connect Core, 3.1.3.7); its claims are. Invariant: an address Google does not
//! vouch for is nobody's.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use google_api::UserInfo;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::canonical_email;

const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// A person at Google.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Identity {
    /// Google's lasting name for them.
    pub(super) subject: String,
    /// Their address, in its canonical form.
    pub(super) email: String,
}

/// What an identity statement must agree with.
pub(super) struct Expected<'a> {
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: Timestamp,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Value,
    sub: String,
    exp: i64,
    #[serde(default)]
    iat: Option<i64>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: Option<Value>,
}

/// Reads an identity statement; the error says which claim is wrong.
pub(super) fn from_id_token(token: &str, expected: &Expected) -> Result<Identity, &'static str> {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("the identity statement is not a token");
    };
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('='));
    let claims: Claims = payload
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or("the identity statement is not readable")?;
    if !ISSUERS.contains(&claims.iss.as_str()) {
        return Err("the identity statement is not Google's");
    }
    let for_us = match &claims.aud {
        Value::String(audience) => audience == expected.client_id,
        Value::Array(all) => matches!(&all[..], [Value::String(one)] if one == expected.client_id),
        _ => false,
    };
    if !for_us {
        return Err("the identity statement is for another client");
    }
    let now = expected.now.as_second();
    if claims.exp + LEEWAY.as_secs() < now {
        return Err("the identity statement has expired");
    }
    if claims
        .iat
        .is_some_and(|issued| issued - LEEWAY.as_secs() > now)
    {
        return Err("the identity statement is from the future; check this machine's clock");
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return Err("the identity statement belongs to another sign-in");
    }
    // Google writes a boolean; its older statements have the text "true".
    let verified = match claims.email_verified {
        Some(Value::Bool(verified)) => verified,
        Some(Value::String(text)) => text == "true",
        _ => false,
    };
    vouched(claims.sub, claims.email, verified)
}

/// Reads the userinfo endpoint's answer.
pub(super) fn from_userinfo(info: UserInfo) -> Result<Identity, &'static str> {
    vouched(info.sub, info.email, info.email_verified == Some(true))
}

fn vouched(
    subject: String,
    email: Option<String>,
    verified: bool,
) -> Result<Identity, &'static str> {
    let email = email
        .map(|email| canonical_email(&email))
        .filter(|email| !email.is_empty());
    match (email, verified) {
        (Some(email), true) => Ok(Identity { subject, email }),
        (Some(_), false) => Err("Google has not verified the account's e-mail address"),
        (None, _) => Err("Google did not say which e-mail address the account has"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(change: impl FnOnce(&mut Value)) -> Result<Identity, &'static str> {
        let mut claims = json!({
            "iss": "https://accounts.google.com", "aud": "client", "sub": "1", "exp": 2000,
            "iat": 1000, "nonce": "n", "email": "A@Example.com", "email_verified": true,
        });
        change(&mut claims);
        let token = format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let now = Timestamp::from_second(1500).unwrap();
        from_id_token(
            &token,
            &Expected {
                client_id: "client",
                nonce: "n",
                now,
            },
        )
    }

    #[test]
    fn a_good_statement_names_the_person() {
        let expected = Identity {
            subject: "1".to_owned(),
            email: "a@example.com".to_owned(),
        };
        assert_eq!(read(|_| ()), Ok(expected.clone()));
        assert_eq!(
            read(|claims| claims["iss"] = json!("accounts.google.com")),
            Ok(expected)
        );
        assert!(read(|claims| claims["aud"] = json!(["client"])).is_ok());
    }

    #[test]
    fn every_wrong_claim_is_refused() {
        let wrong: &[(&str, Value)] = &[
            ("iss", json!("https://evil.example")),
            ("iss", json!("https://accounts.google.com.evil.example")),
            ("aud", json!("other")),
            ("aud", json!(["client", "other"])),
            ("aud", json!(null)),
            ("exp", json!(1439)),
            ("iat", json!(1561)),
            ("nonce", json!("m")),
            ("nonce", json!(null)),
            ("email_verified", json!(false)),
            ("email_verified", json!(null)),
            ("email", json!(null)),
            ("sub", json!(7)),
        ];
        for (claim, value) in wrong {
            let outcome = read(|claims| claims[*claim] = value.clone());
            assert!(outcome.is_err(), "{claim} {value}");
        }
        let now = Timestamp::UNIX_EPOCH;
        for token in ["", "a.b", "a.b.c", "a.b.c.d", "..", "e30.e30.e30"] {
            assert!(
                from_id_token(
                    token,
                    &Expected {
                        client_id: "c",
                        nonce: "n",
                        now
                    }
                )
                .is_err()
            );
        }
    }
}
