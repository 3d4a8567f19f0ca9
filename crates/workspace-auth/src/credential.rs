//! A credential document: what is stored for one account.
//!
//! The field names and the time format are those other programs write and read. Not the decision
//! when to refresh. Invariant: fields this program does not know survive a rewrite, and no `Debug`
//! text shows a token.

use std::fmt;

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where Google's tokens are issued; written into documents for the programs that read it.
const TOKEN_URI: &str = google_api::TOKEN_URL;

/// Tokens of one account and what is known about them.
#[derive(Clone)]
pub struct Credential {
    /// The access token.
    pub token: Option<SecretString>,
    /// The refresh token.
    pub refresh_token: Option<SecretString>,
    /// The OAuth client the tokens were issued to.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Option<SecretString>,
    /// The granted scopes; empty in some foreign documents, which means "unknown".
    pub scopes: Vec<String>,
    /// When the access token ends; `None` when nobody noted it.
    pub expiry: Option<Timestamp>,
    /// The Google account.
    pub user_email: Option<String>,
    /// The identity statement of the sign-in.
    pub id_token: Option<SecretString>,
    /// What only this program uses.
    pub own: OwnFields,
    /// The fields of others.
    extra: Map<String, Value>,
}

/// What this program keeps in a document beside the common fields.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct OwnFields {
    /// The principal that linked the account, when that was a signed-in person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Google's name for the identity, which outlives its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Who is refreshing it right now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
}

/// The right of one process to refresh a credential, for a short time.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Lease {
    /// A random name of the attempt.
    pub holder: String,
    /// When the right ends by itself.
    pub until: Timestamp,
}

impl Credential {
    /// An empty credential of a client.
    pub fn new(client_id: impl Into<String>, client_secret: Option<SecretString>) -> Self {
        Self {
            token: None,
            refresh_token: None,
            client_id: client_id.into(),
            client_secret,
            scopes: Vec::new(),
            expiry: None,
            user_email: None,
            id_token: None,
            own: OwnFields::default(),
            extra: Map::new(),
        }
    }

    /// Reads a document; `None` when it is none.
    pub fn from_json(bytes: &[u8]) -> Option<Self> {
        let document: Document = serde_json::from_slice(bytes).ok()?;
        let expiry = match document.expiry {
            Value::String(text) => Some(parse_expiry(&text)?),
            _ => None,
        };
        if document.token.is_none() && document.refresh_token.is_none() {
            return None;
        }
        Some(Self {
            token: document.token.map(SecretString::from),
            refresh_token: document.refresh_token.map(SecretString::from),
            client_id: document.client_id.unwrap_or_default(),
            client_secret: document.client_secret.map(SecretString::from),
            scopes: document.scopes.unwrap_or_default(),
            expiry,
            user_email: document.user_email,
            id_token: document.id_token.map(SecretString::from),
            own: document.workspace_mcp.unwrap_or_default(),
            extra: document.extra,
        })
    }

    /// The document, indented by two.
    pub fn to_json(&self) -> Vec<u8> {
        let exposed = |secret: &Option<SecretString>| {
            secret
                .as_ref()
                .map(|secret| secret.expose_secret().to_owned())
        };
        let document = Document {
            token: exposed(&self.token),
            refresh_token: exposed(&self.refresh_token),
            token_uri: Some(TOKEN_URI.to_owned()),
            client_id: Some(self.client_id.clone()),
            client_secret: exposed(&self.client_secret),
            scopes: Some(self.scopes.clone()),
            expiry: self
                .expiry
                .map_or(Value::Null, |moment| Value::String(format_expiry(moment))),
            user_email: self.user_email.clone(),
            id_token: exposed(&self.id_token),
            workspace_mcp: (self.own != OwnFields::default()).then(|| self.own.clone()),
            extra: self.extra.clone(),
        };
        serde_json::to_vec_pretty(&document).expect("a document of texts is always JSON")
    }

    /// Takes over the fields of others from the document that this one replaces.
    pub fn keep_unknown_fields_of(&mut self, former: &Self) {
        self.extra.clone_from(&former.extra);
    }

    /// Whether the access token is good for at least `margin` more.
    pub fn valid_for(&self, now: Timestamp, margin: SignedDuration) -> bool {
        let Some(expiry) = self.expiry else {
            return self.token.is_some();
        };
        self.token.is_some() && expiry.duration_since(now) > margin
    }

    /// Whether a scope of `any_of` was granted. An empty demand is always met, and so is any
    /// demand when nobody noted what was granted: Google decides then.
    pub fn grants(&self, any_of: &[String]) -> bool {
        any_of.is_empty()
            || self.scopes.is_empty()
            || any_of.iter().any(|wanted| self.scopes.contains(wanted))
    }

    /// Whether both stem from the same grant.
    pub fn same_grant(&self, other: &Self) -> bool {
        let exposed = |credential: &Self| {
            credential
                .refresh_token
                .as_ref()
                .map(|token| token.expose_secret().to_owned())
        };
        exposed(self) == exposed(other)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("user_email", &self.user_email)
            .field("expiry", &self.expiry)
            .field("refreshable", &self.refresh_token.is_some())
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize, Serialize)]
struct Document {
    token: Option<String>,
    refresh_token: Option<String>,
    token_uri: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    scopes: Option<Vec<String>>,
    #[serde(default)]
    expiry: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace_mcp: Option<OwnFields>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// Reads `2025-01-20T10:30:00`, with or without fraction, `Z` or offset; no zone means UTC.
fn parse_expiry(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    let civil: DateTime = text.parse().ok()?;
    Offset::UTC.to_timestamp(civil).ok()
}

/// Writes UTC to the second, without a zone.
fn format_expiry(moment: Timestamp) -> String {
    Offset::UTC
        .to_datetime(moment)
        .strftime("%Y-%m-%dT%H:%M:%S")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{
      "token": "ya29.a", "refresh_token": "1//r",
      "token_uri": "https://oauth2.googleapis.com/token",
      "client_id": "c", "client_secret": "s", "scopes": ["x", "y"],
      "expiry": "2025-01-20T10:30:00", "user_email": "a@example.com",
      "universe_domain": "googleapis.com", "account": {"deep": [1, null]}
    }"#;

    #[test]
    fn a_document_survives_a_rewrite_field_by_field() {
        let before: Value = serde_json::from_str(DOCUMENT).unwrap();
        let credential = Credential::from_json(DOCUMENT.as_bytes()).unwrap();
        let after = credential.to_json();
        assert_eq!(serde_json::from_slice::<Value>(&after).unwrap(), before);
        assert!(
            String::from_utf8(after)
                .unwrap()
                .starts_with("{\n  \"token\": \"ya29.a\"")
        );
    }

    #[test]
    fn every_known_form_of_expiry_is_read_as_utc() {
        let at = |text: &str| {
            let document = DOCUMENT.replace("2025-01-20T10:30:00", text);
            Credential::from_json(document.as_bytes())
                .unwrap()
                .expiry
                .unwrap()
                .to_string()
        };
        assert_eq!(at("2025-01-20T10:30:00"), "2025-01-20T10:30:00Z");
        assert_eq!(at("2025-01-20T10:30:00Z"), "2025-01-20T10:30:00Z");
        assert_eq!(
            at("2025-01-20T10:30:00.123456"),
            "2025-01-20T10:30:00.123456Z"
        );
        assert_eq!(at("2025-01-20T12:30:00+02:00"), "2025-01-20T10:30:00Z");
        assert_eq!(at("2025-01-20 10:30:00"), "2025-01-20T10:30:00Z");
    }

    #[test]
    fn rewriting_drops_fractions_and_zones() {
        let document = DOCUMENT.replace("10:30:00", "12:30:00.9+02:00");
        let text = Credential::from_json(document.as_bytes())
            .unwrap()
            .to_json();
        assert!(
            String::from_utf8(text)
                .unwrap()
                .contains("\"expiry\": \"2025-01-20T10:30:00\"")
        );
    }

    #[test]
    fn what_is_no_credential_is_none() {
        for bytes in [
            "",
            "{",
            "[]",
            "null",
            "{}",
            r#"{"token": 5}"#,
            "\u{0}",
            r#"{"scopes":["a"]}"#,
        ] {
            assert!(Credential::from_json(bytes.as_bytes()).is_none(), "{bytes}");
        }
        let unreadable = DOCUMENT.replace("2025-01-20T10:30:00", "yesterday");
        assert!(Credential::from_json(unreadable.as_bytes()).is_none());
    }

    #[test]
    fn no_debug_text_shows_a_token() {
        let text = format!("{:?}", Credential::from_json(DOCUMENT.as_bytes()).unwrap());
        assert!(
            !text.contains("ya29") && !text.contains("1//r") && !text.contains("deep"),
            "{text}"
        );
    }

    #[test]
    fn tokens_end_a_little_early() {
        let credential = Credential::from_json(DOCUMENT.as_bytes()).unwrap();
        let margin = SignedDuration::from_secs(60);
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert!(credential.valid_for(at("2025-01-20T10:28:59Z"), margin));
        assert!(!credential.valid_for(at("2025-01-20T10:29:00Z"), margin));
    }
}
