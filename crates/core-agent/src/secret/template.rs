//! References in texts: what `${…}` means, before anything is looked up.
//!
//! Not the looking up. Invariant: reading a text never fails with words of the text in the error,
//! other than the kind of reference and the name it asks for.

use std::path::PathBuf;

use crate::config::Template;

/// A piece of a [`Template`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part {
    /// As written.
    Text(String),
    /// Looked up when it is needed.
    Reference(Reference),
}

/// Where a secret is.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Reference {
    /// In this process's environment.
    Env {
        /// The variable.
        name: String,
        /// What counts when it is not set.
        default: Option<String>,
    },
    /// In a file; a newline at its end does not count.
    File(PathBuf),
    /// On the standard output of a program.
    Command(Vec<String>),
    /// In the desktop's keyring.
    Keyring {
        /// The service it is kept for.
        service: String,
        /// The account at that service.
        account: String,
    },
}

/// A text whose references cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadTemplate {
    /// No closing brace.
    #[error("a reference is not closed: write ${{env:NAME}}, or $${{ for the two characters")]
    Open,
    /// A reference in a reference.
    #[error("a reference cannot be inside another reference")]
    Nested,
    /// A kind nobody knows.
    #[error("\"{kind}\" is no kind of reference: use env, file, command or keyring{}", near.map(|near| format!("; did you mean {near}?")).unwrap_or_default())]
    Kind {
        /// The word before the colon.
        kind: String,
        /// What was probably meant.
        near: Option<&'static str>,
    },
    /// Not a variable's name.
    #[error("a variable's name is made of letters, digits and _, and does not begin with a digit")]
    Name,
    /// Not a path from the root.
    #[error("${{file:…}} needs an absolute path")]
    RelativePath,
    /// Nothing to run, or an open quote.
    #[error(
        "${{command:…}} needs a program and its arguments, separated by blanks, with quotes closed"
    )]
    Command,
    /// Not `service/account`.
    #[error("${{keyring:…}} needs service/account")]
    Keyring,
    /// An editor asks for it, nobody asks here.
    #[error(
        "${{input:{0}}} is asked for by an editor and by nobody here: write ${{env:NAME}}, ${{file:/path}} or ${{keyring:service/account}} instead"
    )]
    Input(String),
}

const KINDS: [&str; 4] = ["env", "file", "command", "keyring"];

impl Template {
    /// The pieces, in order.
    pub fn parts(&self) -> Result<Vec<Part>, BadTemplate> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                text.push_str(before);
                text.push_str("${");
                rest = after;
                continue;
            }
            text.push_str(before);
            let (inside, after) = after.split_once('}').ok_or(BadTemplate::Open)?;
            if inside.contains("${") {
                return Err(BadTemplate::Nested);
            }
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            parts.push(Part::Reference(reference(inside)?));
            rest = after;
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(parts)
    }

    /// The references, in order; none when the text cannot be read.
    pub fn references(&self) -> Vec<Reference> {
        let parts = self.parts().unwrap_or_default();
        parts
            .into_iter()
            .filter_map(|part| match part {
                Part::Reference(reference) => Some(reference),
                Part::Text(_) => None,
            })
            .collect()
    }

    /// The text itself, when it has no references.
    pub fn literal(&self) -> Option<String> {
        match self.parts().ok()?.as_slice() {
            [] => Some(String::new()),
            [Part::Text(text)] => Some(text.clone()),
            _ => None,
        }
    }
}

impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env { name, .. } => write!(f, "the variable {name}"),
            Self::File(path) => write!(f, "the file {}", path.display()),
            // The arguments may say more than a log should know.
            Self::Command(words) => {
                write!(f, "the command {}", words.first().map_or("", |word| word))
            }
            Self::Keyring { service, account } => write!(f, "the keyring's {service}/{account}"),
        }
    }
}

fn reference(inside: &str) -> Result<Reference, BadTemplate> {
    // `${NAME}` and `${NAME:-default}`, as desktop clients write them.
    let (name, default) = with_default(inside);
    if is_name(name) && (default.is_some() || !inside.contains(':')) {
        return Ok(env(name, default));
    }
    let Some((kind, what)) = inside.split_once(':') else {
        return Err(BadTemplate::Name);
    };
    match kind {
        "env" => match with_default(what) {
            (name, default) if is_name(name) => Ok(env(name, default)),
            _ => Err(BadTemplate::Name),
        },
        "file" if what.starts_with('/') || PathBuf::from(what).is_absolute() => {
            Ok(Reference::File(what.into()))
        }
        "file" => Err(BadTemplate::RelativePath),
        "command" => match words(what) {
            Some(words) if !words.is_empty() => Ok(Reference::Command(words)),
            _ => Err(BadTemplate::Command),
        },
        "keyring" => match what.split_once('/') {
            Some((service, account)) if !service.is_empty() && !account.is_empty() => {
                Ok(Reference::Keyring {
                    service: service.to_owned(),
                    account: account.to_owned(),
                })
            }
            _ => Err(BadTemplate::Keyring),
        },
        "input" => Err(BadTemplate::Input(what.to_owned())),
        other => Err(BadTemplate::Kind {
            kind: other.chars().take(32).collect(),
            near: foundation::nearest(other, KINDS).and_then(|near| {
                // Back to the constant, which outlives the text.
                KINDS.into_iter().find(|kind| *kind == near)
            }),
        }),
    }
}

fn env(name: &str, default: Option<&str>) -> Reference {
    Reference::Env {
        name: name.to_owned(),
        default: default.map(str::to_owned),
    }
}

fn with_default(text: &str) -> (&str, Option<&str>) {
    match text.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (text, None),
    }
}

/// Whether this can name an environment variable.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Splits at blanks; quotes, single or double, keep blanks. Nothing else has a meaning.
pub(super) fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in text.chars() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, blank) if blank.is_whitespace() => words.extend(word.take()),
            (_, other) => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Result<Vec<Part>, BadTemplate> {
        Template(text.to_owned()).parts()
    }

    fn only(text: &str) -> Reference {
        Template(text.to_owned()).references().remove(0)
    }

    #[test]
    fn references_are_read() {
        assert_eq!(
            parts("plain $ text").unwrap(),
            [Part::Text("plain $ text".into())]
        );
        assert_eq!(parts("").unwrap(), []);
        assert_eq!(parts("a$${b}").unwrap(), [Part::Text("a${b}".into())]);
        assert_eq!(
            parts("Bearer ${env:TOKEN}!").unwrap(),
            [
                Part::Text("Bearer ".into()),
                Part::Reference(env("TOKEN", None)),
                Part::Text("!".into())
            ]
        );
        assert_eq!(only("${TOKEN}"), env("TOKEN", None));
        assert_eq!(only("${TOKEN:-none}"), env("TOKEN", Some("none")));
        assert_eq!(only("${env:TOKEN:-}"), env("TOKEN", Some("")));
        assert_eq!(
            only("${file:/run/secret}"),
            Reference::File("/run/secret".into())
        );
        assert_eq!(
            only("${command:op read 'a b' \"c d\"}"),
            Reference::Command(["op", "read", "a b", "c d"].map(String::from).into())
        );
        assert_eq!(
            only("${keyring:github/me/work}"),
            Reference::Keyring {
                service: "github".into(),
                account: "me/work".into()
            }
        );
    }

    #[test]
    fn unreadable_references_say_why() {
        let cases = [
            ("${env:A", BadTemplate::Open),
            ("${env:A${B}}", BadTemplate::Nested),
            ("${}", BadTemplate::Name),
            ("${a b}", BadTemplate::Name),
            ("${env:1}", BadTemplate::Name),
            ("${file:a}", BadTemplate::RelativePath),
            ("${command:}", BadTemplate::Command),
            ("${command:a 'b}", BadTemplate::Command),
            ("${keyring:a}", BadTemplate::Keyring),
            ("${input:key}", BadTemplate::Input("key".into())),
            (
                "${comand:x}",
                BadTemplate::Kind {
                    kind: "comand".into(),
                    near: Some("command"),
                },
            ),
            (
                "${vault:x}",
                BadTemplate::Kind {
                    kind: "vault".into(),
                    near: None,
                },
            ),
        ];
        for (text, fault) in cases {
            assert_eq!(parts(text), Err(fault), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(text in "(\\$|\\{|\\}|:|-|/|'|[a-z]| |é){0,40}") {
            let _ = parts(&text);
        }

        #[test]
        fn escaped_text_comes_back(text in "[^$]{0,40}") {
            let escaped = Template(format!("$${{{text}"));
            proptest::prop_assert_eq!(escaped.literal(), Some(format!("${{{text}")));
        }
    }
}
