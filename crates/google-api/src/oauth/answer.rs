//! What Google's token endpoint and its neighbours answer.
//!
//! Not the credential documents that are stored: those belong to whoever keeps them.
//! Invariant: every token is a [`SecretString`], so no `Debug` text can show one.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de::Error as _};

/// The answer to a code exchange, a refresh or a JWT grant.
#[derive(Clone, Debug, Deserialize)]
pub struct TokenAnswer {
    /// The bearer value for calls.
    pub access_token: SecretString,
    /// Seconds until it ends, counted from the moment of the answer.
    #[serde(default = "one_hour", deserialize_with = "number_or_text")]
    pub expires_in: u64,
    /// Only on first consent (`access_type=offline`); a refresh usually answers without one, and
    /// then the old one stays valid.
    #[serde(default)]
    pub refresh_token: Option<SecretString>,
    /// The scopes really granted, separated by blanks; people may untick some.
    #[serde(default)]
    pub scope: Option<String>,
    /// The OpenID identity, when `openid` was asked for.
    #[serde(default)]
    pub id_token: Option<SecretString>,
}

impl TokenAnswer {
    /// The scopes really granted.
    pub fn scopes(&self) -> Vec<String> {
        split(self.scope.as_deref())
    }
}

/// Who an access token belongs to, as the userinfo endpoint says.
#[derive(Clone, Debug, Deserialize)]
pub struct UserInfo {
    /// The identity that never changes.
    pub sub: String,
    /// The address, which may change.
    #[serde(default)]
    pub email: Option<String>,
    /// Whether Google vouches for the address.
    #[serde(default)]
    pub email_verified: Option<bool>,
    /// The full name.
    #[serde(default)]
    pub name: Option<String>,
    /// Where a picture is.
    #[serde(default)]
    pub picture: Option<String>,
    /// The Workspace domain, absent for consumer accounts.
    #[serde(default)]
    pub hd: Option<String>,
}

/// What the tokeninfo endpoint says of an access token.
#[derive(Clone, Debug, Deserialize)]
pub struct TokenInfo {
    /// The client the token was issued to.
    #[serde(default)]
    pub aud: Option<String>,
    /// The client that asked for it.
    #[serde(default)]
    pub azp: Option<String>,
    /// The identity of its owner.
    #[serde(default)]
    pub sub: Option<String>,
    /// The scopes, separated by blanks.
    #[serde(default)]
    pub scope: Option<String>,
    /// The end of its life in seconds since 1970.
    #[serde(default, deserialize_with = "optional_number_or_text")]
    pub exp: Option<u64>,
    /// Seconds it has left.
    #[serde(default, deserialize_with = "optional_number_or_text")]
    pub expires_in: Option<u64>,
    /// The address of its owner.
    #[serde(default)]
    pub email: Option<String>,
}

impl TokenInfo {
    /// The scopes of the token.
    pub fn scopes(&self) -> Vec<String> {
        split(self.scope.as_deref())
    }
}

fn split(scope: Option<&str>) -> Vec<String> {
    scope
        .unwrap_or_default()
        .split_whitespace()
        .map(ToOwned::to_owned)
        .collect()
}

fn one_hour() -> u64 {
    3600
}

/// Google writes some numbers as text (`"exp": "1764…"`).
#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u64),
    Text(String),
}

fn number_or_text<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    match NumberOrText::deserialize(from)? {
        NumberOrText::Number(number) => Ok(number),
        NumberOrText::Text(text) => text.parse().map_err(D::Error::custom),
    }
}

fn optional_number_or_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    number_or_text(from).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_come_as_text_and_tokens_are_never_shown() {
        let answer: TokenAnswer = serde_json::from_str(
            r#"{"access_token":"ya29.secret","expires_in":"3599","scope":"a b","new_field":[]}"#,
        )
        .unwrap();
        assert_eq!(answer.expires_in, 3599);
        assert_eq!(answer.scopes(), ["a", "b"]);
        assert!(answer.refresh_token.is_none());
        assert!(!format!("{answer:?}").contains("ya29"));
        let info: TokenInfo = serde_json::from_str(r#"{"exp":"1764","expires_in":12}"#).unwrap();
        assert_eq!((info.exp, info.expires_in), (Some(1764), Some(12)));
    }
}
