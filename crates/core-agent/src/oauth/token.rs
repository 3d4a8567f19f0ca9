//! Tokens: what is kept of one, what a token endpoint is asked and what its answer means.
//!
//! Pure. Invariant: a refresh token is given up only when the authorization server says that this
//! very token is not valid.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use url::form_urlencoded;

use super::{
    callback::error_code,
    decide::{AuthMethod, Grant},
    scopes::Scopes,
};

/// Tokens are renewed this long before they end.
const EARLY: SignedDuration = SignedDuration::from_secs(60);
const LONGEST_TOKEN: usize = 64 << 10;

/// What is kept of a sign-in.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "token_endpoint is what everybody calls it"
)]
pub(super) struct Token {
    /// Who made it.
    pub issuer: String,
    /// What it is for.
    pub resource: String,
    /// How it was obtained.
    pub grant: Grant,
    /// The client it was made for.
    pub client: Client,
    /// Where it is renewed.
    pub token_endpoint: String,
    /// Where it is revoked.
    #[serde(default)]
    pub revocation_endpoint: Option<String>,
    /// The token itself.
    #[serde(serialize_with = "exposed")]
    pub access: SecretString,
    /// What renews it.
    #[serde(default, serialize_with = "exposed_option")]
    pub refresh: Option<SecretString>,
    /// When it ends.
    #[serde(default)]
    pub ends: Option<Timestamp>,
    /// The scopes it was asked for with.
    #[serde(default)]
    pub asked: Scopes,
    /// The scopes it has, as far as the authorization server said.
    #[serde(default)]
    pub granted: Scopes,
}

/// This program as an authorization server's client.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Client {
    /// Its id.
    pub id: String,
    /// Its secret.
    #[serde(default, serialize_with = "exposed_option")]
    pub secret: Option<SecretString>,
    /// How it authenticates.
    pub method: AuthMethod,
}

/// Why a token endpoint gave no token.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenFault {
    /// What was shown is not valid (any more).
    #[error("the authorization server no longer accepts this sign-in")]
    InvalidGrant,
    /// The client is not (any longer) known.
    #[error("the authorization server does not know this client (any more)")]
    InvalidClient,
    /// Another error of the authorization server.
    #[error("the authorization server answered {0}")]
    Answered(String),
    /// A failure that passes.
    #[error("the authorization server is not able to answer now")]
    Later,
    /// Not a token.
    #[error("the authorization server's answer holds no bearer token")]
    Unreadable,
}

/// What a token endpoint gives.
#[derive(Debug)]
pub(super) struct Granted {
    /// The access token.
    pub access: SecretString,
    /// The refresh token.
    pub refresh: Option<SecretString>,
    /// When the access token ends.
    pub ends: Option<Timestamp>,
    /// Its scopes, when they are not those asked for.
    pub scopes: Option<Scopes>,
}

impl Token {
    /// Whether it is good for a request now.
    pub(super) fn is_good(&self, now: Timestamp) -> bool {
        self.ends.is_none_or(|ends| now < ends)
    }

    /// Whether it is time to renew it.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.ends
            .is_some_and(|ends| ends.duration_since(now) <= EARLY)
    }

    /// Whether it can be renewed without a person.
    pub(super) fn renews(&self) -> bool {
        self.refresh.is_some() || self.grant != Grant::AuthorizationCode
    }

    /// The token after a renewal.
    #[must_use]
    pub(super) fn renewed(mut self, granted: Granted) -> Self {
        self.access = granted.access;
        self.ends = granted.ends;
        // Without a new refresh token the old one stays good (RFC 6749 6).
        self.refresh = granted.refresh.or(self.refresh);
        if let Some(scopes) = granted.scopes {
            self.granted = scopes;
        }
        self
    }
}

/// How `client` authenticates in a form: the parameters, and the header's value.
pub(super) fn authentication(
    client: &Client,
) -> (Vec<(&'static str, String)>, Option<HeaderValue>) {
    let id = ("client_id", client.id.clone());
    let Some(secret) = &client.secret else {
        // An assertion of another authority may say alone who this is.
        let known = (!client.id.is_empty()).then_some(id);
        return (known.into_iter().collect(), None);
    };
    let secret = secret.expose_secret();
    match client.method {
        AuthMethod::None | AuthMethod::SignedAssertion => (vec![id], None),
        AuthMethod::Post => (vec![id, ("client_secret", secret.to_owned())], None),
        AuthMethod::Basic => {
            // RFC 6749 2.3.1: form-encoded first.
            let coded =
                |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", coded(&client.id), coded(secret));
            let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
            let mut value = HeaderValue::try_from(value).expect("base64 is fit for a header");
            value.set_sensitive(true);
            (Vec::new(), Some(value))
        }
    }
}

/// What an answer of a token endpoint means.
pub(super) fn read_answer(
    status: StatusCode,
    json: Option<&Value>,
    now: Timestamp,
) -> Result<Granted, TokenFault> {
    if !status.is_success() {
        let error = json.and_then(|json| json["error"].as_str());
        return Err(match error {
            _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                TokenFault::Later
            }
            Some("invalid_grant") => TokenFault::InvalidGrant,
            Some("invalid_client" | "unauthorized_client") => TokenFault::InvalidClient,
            Some("temporarily_unavailable" | "server_error" | "slow_down") => TokenFault::Later,
            Some(error) => TokenFault::Answered(error_code(error)),
            None => TokenFault::Answered(status.as_u16().to_string()),
        });
    }
    let json = json.ok_or(TokenFault::Unreadable)?;
    let token = |name: &str| {
        json[name]
            .as_str()
            .filter(|token| (1..=LONGEST_TOKEN).contains(&token.len()))
            .filter(|token| token.bytes().all(|byte| (0x20..0x7f).contains(&byte)))
            .map(SecretString::from)
    };
    // A token of another type would be sent in a way it is not protected for.
    let bearer = json["token_type"]
        .as_str()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
    let access = token("access_token").filter(|_| bearer);
    Ok(Granted {
        access: access.ok_or(TokenFault::Unreadable)?,
        refresh: token("refresh_token"),
        ends: seconds(&json["expires_in"])
            .and_then(|seconds| now.checked_add(SignedDuration::from_secs(seconds)).ok()),
        scopes: json["scope"].as_str().map(Scopes::parse),
    })
}

/// Seconds as a number or, as some servers write it, as text.
fn seconds(value: &Value) -> Option<i64> {
    let number = value
        .as_i64()
        .or_else(|| format!("{:.0}", value.as_f64()?).parse().ok())
        .or_else(|| value.as_str()?.parse().ok())?;
    // Whoever says a hundred years means for ever.
    (0..=3_155_760_000).contains(&number).then_some(number)
}

fn exposed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
fn exposed_option<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    secret
        .as_ref()
        .map(ExposeSecret::expose_secret)
        .serialize(serializer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn granted(json: &Value) -> Result<Granted, TokenFault> {
        read_answer(StatusCode::OK, Some(json), now())
    }

    #[test]
    fn answers_are_read() {
        let answer = granted(&json!({
            "access_token": "a", "token_type": "bearer", "expires_in": 3600, "scope": "x y",
        }))
        .unwrap();
        assert_eq!(answer.access.expose_secret(), "a");
        assert_eq!(answer.ends.unwrap().duration_since(now()).as_secs(), 3600);
        assert_eq!(answer.scopes.unwrap().to_string(), "x y");
        let text =
            granted(&json!({"access_token": "a", "token_type": "Bearer", "expires_in": "60"}));
        assert_eq!(
            text.unwrap().ends.unwrap().duration_since(now()).as_secs(),
            60
        );
        let endless = granted(&json!({"access_token": "a", "token_type": "Bearer"}));
        assert!(endless.unwrap().ends.is_none());
        for bad in [
            json!({}),
            json!({"access_token": "a"}),
            json!({"access_token": "a", "token_type": "DPoP"}),
            json!({"access_token": "", "token_type": "Bearer"}),
            json!({"access_token": "a\r\nX: y", "token_type": "Bearer"}),
            json!({"access_token": 1, "token_type": "Bearer"}),
        ] {
            assert_eq!(granted(&bad).unwrap_err(), TokenFault::Unreadable, "{bad}");
        }
    }

    #[test]
    fn failures_say_whether_they_pass() {
        let table = [
            (
                400,
                json!({"error": "invalid_grant"}),
                TokenFault::InvalidGrant,
            ),
            (
                401,
                json!({"error": "invalid_client"}),
                TokenFault::InvalidClient,
            ),
            (503, json!({"error": "invalid_grant"}), TokenFault::Later),
            (429, json!({}), TokenFault::Later),
            (400, json!({"error": "slow_down"}), TokenFault::Later),
            (
                400,
                json!({"error": "<b>", "error_description": "x"}),
                TokenFault::Answered("an error".into()),
            ),
            (302, json!(null), TokenFault::Answered("302".into())),
        ];
        for (status, json, expected) in table {
            let status = StatusCode::from_u16(status).unwrap();
            let fault = read_answer(status, Some(&json), now()).unwrap_err();
            assert_eq!(fault, expected, "{json}");
        }
    }

    #[test]
    fn a_token_is_due_a_minute_early_and_keeps_its_refresh_token() {
        let mut token = Token {
            issuer: "https://as".into(),
            resource: "https://h".into(),
            grant: Grant::AuthorizationCode,
            client: Client {
                id: "id".into(),
                secret: None,
                method: AuthMethod::None,
            },
            token_endpoint: "https://as/token".into(),
            revocation_endpoint: None,
            access: "a".into(),
            refresh: Some("r".into()),
            ends: None,
            asked: Scopes::default(),
            granted: Scopes::default(),
        };
        assert!(token.is_good(now()) && !token.is_due(now()));
        for (left, good, due) in [(61, true, false), (60, true, true), (0, false, true)] {
            token.ends = Some(now() + SignedDuration::from_secs(left));
            assert_eq!((token.is_good(now()), token.is_due(now())), (good, due));
        }
        let answer = |refresh: Option<&str>| Granted {
            access: "b".into(),
            refresh: refresh.map(SecretString::from),
            ends: None,
            scopes: None,
        };
        let kept = token.clone().renewed(answer(None));
        assert_eq!(kept.refresh.unwrap().expose_secret(), "r");
        let rotated = token.renewed(answer(Some("s")));
        assert_eq!(rotated.refresh.as_ref().unwrap().expose_secret(), "s");
        let back: Token = serde_json::from_value(serde_json::to_value(&rotated).unwrap()).unwrap();
        assert_eq!(back.access.expose_secret(), "b");
        assert!(!format!("{back:?}").contains("\"b\""));
    }

    #[test]
    fn clients_authenticate_in_their_way() {
        let client = |method| Client {
            id: "i d".into(),
            secret: Some("s:".into()),
            method,
        };
        let (form, header) = authentication(&client(AuthMethod::Basic));
        assert!(form.is_empty());
        let header = header.unwrap();
        let encoded = header.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(BASE64_STANDARD.decode(encoded).unwrap(), b"i+d:s%3A");
        let (form, header) = authentication(&client(AuthMethod::Post));
        assert_eq!(form.len(), 2);
        assert!(header.is_none());
        let (form, header) = authentication(&client(AuthMethod::None));
        assert_eq!(form, [("client_id", "i d".to_owned())]);
        assert!(header.is_none());
        let nobody = Client {
            id: String::new(),
            secret: None,
            method: AuthMethod::None,
        };
        assert_eq!(authentication(&nobody), (Vec::new(), None));
    }
}
