//! Names of servers.
//!
//! Invariant: a [`ServerName`] is safe in a path, a log line, a metric label and the prefix of a
//! tool's name.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// The name of a configured server: 1 to 32 of `a-z`, `0-9`, `-` and `_`, beginning with a letter
/// or a digit.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerName(Arc<str>);

/// A name that cannot be a server's.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{0:?} cannot name a server: use 1 to 32 of a-z, 0-9, - and _, beginning with a letter or a digit"
)]
pub struct BadServerName(pub String);

impl ServerName {
    /// The longest name, so that a tool's name of 64 characters has room for the tool.
    pub const LONGEST: usize = 32;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nearest allowed name to what another program calls a server, such as `My Server`.
    pub fn nearest(text: &str) -> Option<Self> {
        let mut name = String::new();
        for character in text.chars() {
            match character.to_ascii_lowercase() {
                kept @ ('a'..='z' | '0'..='9') => name.push(kept),
                '_' if !name.is_empty() => name.push('_'),
                _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
                _ => {}
            }
            if name.len() == Self::LONGEST {
                break;
            }
        }
        name.trim_end_matches('-').parse().ok()
    }
}

impl FromStr for ServerName {
    type Err = BadServerName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = text.as_bytes();
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let good = bytes.len() <= Self::LONGEST
            && bytes.first().is_some_and(plain)
            && bytes
                .iter()
                .all(|byte| plain(byte) || matches!(byte, b'-' | b'_'));
        if good {
            Ok(Self(text.into()))
        } else {
            Err(BadServerName(text.to_owned()))
        }
    }
}

impl TryFrom<String> for ServerName {
    type Error = BadServerName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ServerName> for String {
    fn from(name: ServerName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["github", "google-workspace", "a", "7zip", "my_server"] {
            assert_eq!(good.parse::<ServerName>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "A", "a b", "a/b", "ü", &"a".repeat(33)] {
            assert!(bad.parse::<ServerName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn foreign_names_find_a_neighbour() {
        let near = |text| ServerName::nearest(text).map(|name| name.as_str().to_owned());
        assert_eq!(near("My Server!").as_deref(), Some("my-server"));
        assert_eq!(near("@scope/Tool"), Some("scope-tool".into()));
        assert_eq!(near("***"), None);
    }
}
