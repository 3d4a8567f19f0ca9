//! Reading `WWW-Authenticate` (RFC 9110 11.6.1, RFC 6750 3, RFC 9728 5.1).
//!
//! No IO and no judgement: what a challenge asks for is decided elsewhere.
//! Invariant: any bytes give an answer, in time proportional to their number.

use super::scopes::Scopes;

/// More of a header than this is not read.
const LONGEST: usize = 8 << 10;

/// What a server says with `WWW-Authenticate: Bearer`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct BearerChallenge {
    /// Where its protected resource metadata is.
    pub resource_metadata: Option<String>,
    /// The scopes the request needs.
    pub scopes: Scopes,
    /// What was wrong with the token.
    pub error: Option<String>,
}

impl BearerChallenge {
    /// The first `Bearer` challenge in the values of all `WWW-Authenticate` headers.
    pub(super) fn read(values: &[String]) -> Option<Self> {
        values
            .iter()
            .filter(|value| value.len() <= LONGEST)
            .find_map(|value| bearer(value))
    }

    /// Whether the token was good and its scopes were not.
    pub(super) fn wants_more_scopes(&self) -> bool {
        self.error.as_deref() == Some("insufficient_scope")
    }
}

fn bearer(value: &str) -> Option<BearerChallenge> {
    let mut rest = value;
    let mut found: Option<BearerChallenge> = None;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return found;
        }
        let (name, after) = token(rest);
        if name.is_empty() {
            // Nothing the grammar knows; what was understood so far counts.
            return found;
        }
        let value = after.trim_start_matches([' ', '\t']).strip_prefix('=');
        match value {
            Some(value) => {
                let (text, after) = parameter_value(value.trim_start_matches([' ', '\t']));
                if let Some(challenge) = &mut found {
                    challenge.take(name, text);
                }
                rest = after;
            }
            None if found.is_some() => return found,
            None => {
                if name.eq_ignore_ascii_case("bearer") {
                    found = Some(BearerChallenge::default());
                }
                rest = after;
            }
        }
    }
}

impl BearerChallenge {
    fn take(&mut self, name: &str, value: String) {
        // The first of two parameters of one name counts: a later one is an addition by somebody
        // who could not change the first.
        if name.eq_ignore_ascii_case("resource_metadata") {
            self.resource_metadata.get_or_insert(value);
        } else if name.eq_ignore_ascii_case("error") {
            self.error.get_or_insert(value);
        } else if name.eq_ignore_ascii_case("scope") && self.scopes.is_empty() {
            self.scopes = Scopes::parse(&value);
        }
    }
}

/// The token (RFC 9110 5.6.2) at the beginning, and what follows it.
fn token(text: &str) -> (&str, &str) {
    let end = text
        .find(|character: char| {
            !(character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character))
        })
        .unwrap_or(text.len());
    text.split_at(end)
}

/// The value of a parameter at the beginning, quoted or not, and what follows it.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        // Values are tokens by the grammar; URLs without quotes are met in practice.
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    (value, characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<(Option<String>, String, Option<String>)> {
        BearerChallenge::read(&[value.to_owned()]).map(|challenge| {
            (
                challenge.resource_metadata,
                challenge.scopes.to_string(),
                challenge.error,
            )
        })
    }

    #[test]
    fn challenges_are_read() {
        let some = |text: &str| Some(text.to_owned());
        let table = [
            ("Basic realm=\"x\"", None),
            ("", None),
            ("Bearer", Some((None, String::new(), None))),
            (
                "bearer realm=x, scope=\"a b\"",
                Some((None, "a b".into(), None)),
            ),
            (
                "Bearer error=\"insufficient_scope\", scope=\"files:write\",\n resource_metadata=\"https://h/.well-known/x\"",
                Some((None, "files:write".into(), some("insufficient_scope"))),
            ),
            (
                "Bearer resource_metadata=\"https://h/m\", scope=\"b a\"",
                Some((some("https://h/m"), "b a".into(), None)),
            ),
            (
                "Basic realm=\"Bearer scope=\\\"no\\\"\", Bearer scope=yes",
                Some((None, "yes".into(), None)),
            ),
            (
                "Bearer scope=\"one\", Negotiate, Bearer scope=\"two\"",
                Some((None, "one".into(), None)),
            ),
            (
                "Bearer resource_metadata=https://h/m, error=x",
                Some((some("https://h/m"), String::new(), some("x"))),
            ),
            (
                "Bearer error=\"first\", error=\"second\"",
                Some((None, String::new(), some("first"))),
            ),
            ("Bearer scope=\"open", Some((None, "open".into(), None))),
            ("Bearer =\u{1}", None),
            ("Bearer realm=\u{1}", Some((None, String::new(), None))),
        ];
        for (value, expected) in table {
            assert_eq!(read(value), expected, "{value}");
        }
    }

    #[test]
    fn the_first_bearer_of_several_headers_counts_and_endless_ones_do_not() {
        let values = ["Basic realm=x".to_owned(), "Bearer scope=a".to_owned()];
        let challenge = BearerChallenge::read(&values).unwrap();
        assert_eq!(challenge.scopes.to_string(), "a");
        assert_eq!(
            BearerChallenge::read(&[format!("Bearer scope=\"{}\"", "x".repeat(LONGEST))]),
            None
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,200}") {
            let _ = BearerChallenge::read(&[format!("Bearer {text}"), text]);
        }
    }
}
