//! What comes back from a browser: whether it is the answer to what was asked, and from whom.
//!
//! Pure. Invariant: unless `state` and `iss` (RFC 9207) are right, neither the code nor any text
//! of the answer leaves this module.

use ring::digest::{SHA256, digest};
use secrecy::SecretString;
use url::form_urlencoded;

const LONGEST: usize = 8 << 10;

/// What was asked, as far as the answer must fit it.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    /// The `state` of the request.
    pub state: &'a str,
    /// The issuer asked, letter by letter.
    pub issuer: &'a str,
    /// Whether the issuer promised to name itself.
    pub promises_iss: bool,
}

/// Why there is no code.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refused {
    /// An answer to something else.
    #[error("the answer does not belong to this sign-in")]
    OtherState,
    /// A parameter twice, or too much of it.
    #[error("the answer cannot be read")]
    Unreadable,
    /// The issuer did not name itself though it promised to.
    #[error("the answer does not say which authorization server it is from, though it should")]
    NoIssuer,
    /// Another issuer answered.
    #[error("the answer is from another authorization server than the one that was asked")]
    OtherIssuer,
    /// The authorization server said no.
    #[error("the authorization server answered {0}")]
    Answered(String),
    /// Neither a code nor an error.
    #[error("the answer has no code")]
    NoCode,
}

/// Whether a query answers the request with this `state`.
pub(super) fn belongs(query: &str, state: &str) -> bool {
    if query.len() > LONGEST {
        return false;
    }
    let mut states = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "state");
    let first = states.next();
    states.next().is_none() && first.is_some_and(|(_, given)| same(&given, state))
}

/// The code in the query of a callback.
pub(super) fn code(query: &str, expected: &Expected<'_>) -> Result<SecretString, Refused> {
    if query.len() > LONGEST {
        return Err(Refused::Unreadable);
    }
    if !belongs(query, expected.state) {
        return Err(Refused::OtherState);
    }
    let one = |wanted: &str| -> Result<Option<String>, Refused> {
        let mut values = form_urlencoded::parse(query.as_bytes())
            .filter(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned());
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(Refused::Unreadable),
        }
    };
    match one("iss")? {
        Some(issuer) if !same(&issuer, expected.issuer) => return Err(Refused::OtherIssuer),
        None if expected.promises_iss => return Err(Refused::NoIssuer),
        _ => {}
    }
    if let Some(error) = one("error")? {
        return Err(Refused::Answered(error_code(&error)));
    }
    one("code")?
        .filter(|code| !code.is_empty())
        .map(SecretString::from)
        .ok_or(Refused::NoCode)
}

/// An OAuth error code fit to be shown: the registered ones are short words.
pub(super) fn error_code(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    if (1..=40).contains(&text.len()) && text.bytes().all(plain) {
        text.to_owned()
    } else {
        "an error".to_owned()
    }
}

/// Compares hashes, so that the time says nothing about how much of a guess was right.
fn same(one: &str, other: &str) -> bool {
    digest(&SHA256, one.as_bytes()).as_ref() == digest(&SHA256, other.as_bytes()).as_ref()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn only_the_right_answer_gives_a_code() {
        let iss = "iss=https%3A%2F%2Fas.example.com";
        let table: &[(&str, bool, Result<&str, Refused>)] = &[
            ("code=c&state=s", false, Ok("c")),
            (&format!("code=c&state=s&{iss}"), true, Ok("c")),
            (&format!("code=c&state=s&{iss}"), false, Ok("c")),
            ("code=c&state=s", true, Err(Refused::NoIssuer)),
            (
                &format!("code=c&state=s&{iss}%2F"),
                true,
                Err(Refused::OtherIssuer),
            ),
            (
                "code=c&state=s&iss=https%3A%2F%2FAS.example.com",
                true,
                Err(Refused::OtherIssuer),
            ),
            (
                "code=c&state=s&iss=https%3A%2F%2Fevil.example.com",
                false,
                Err(Refused::OtherIssuer),
            ),
            (
                "error=access_denied&state=s&iss=https%3A%2F%2Fevil",
                true,
                Err(Refused::OtherIssuer),
            ),
            ("error=access_denied&state=s", true, Err(Refused::NoIssuer)),
            (
                "error=access_denied&error_description=x&state=s",
                false,
                Err(Refused::Answered("access_denied".into())),
            ),
            (
                "error=%3Cscript%3E&state=s",
                false,
                Err(Refused::Answered("an error".into())),
            ),
            (
                "code=c&error=x&state=s",
                false,
                Err(Refused::Answered("x".into())),
            ),
            ("code=c&state=S", false, Err(Refused::OtherState)),
            ("code=c", false, Err(Refused::OtherState)),
            ("code=c&state=s&state=s", false, Err(Refused::OtherState)),
            ("code=c&code=d&state=s", false, Err(Refused::Unreadable)),
            (
                &format!("code=c&state=s&{iss}&iss=https%3A%2F%2Fevil"),
                true,
                Err(Refused::Unreadable),
            ),
            ("state=s", false, Err(Refused::NoCode)),
            ("code=&state=s", false, Err(Refused::NoCode)),
            ("", false, Err(Refused::OtherState)),
        ];
        for (query, promises_iss, expected) in table {
            let given = code(
                query,
                &Expected {
                    state: "s",
                    issuer: "https://as.example.com",
                    promises_iss: *promises_iss,
                },
            );
            let given = given.as_ref().map(ExposeSecret::expose_secret);
            assert_eq!(given, expected.as_ref().copied(), "{query}");
        }
    }
}
