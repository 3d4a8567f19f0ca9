//! The base of every URL this server tells the outside world.
//!
//! Invariant: a base never ends with `/`, so a path that starts with `/` can be appended to it.

use std::fmt;

use http::uri::Authority;
use thiserror::Error;

/// Scheme, host, port where needed, and prefix, as seen from outside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExternalBase {
    origin: String,
    prefix: String,
}

/// A base that cannot be used.
#[derive(Clone, Debug, Error, Eq, PartialEq)]
pub enum BaseError {
    /// Not `http://` or `https://`.
    #[error(
        "the external base must start with http:// or https://, such as https://api.example.com/google-workspace"
    )]
    Scheme,
    /// No host, user information, a query or a fragment, or a port out of range.
    #[error(
        "the external base must be a scheme, a host, a port if needed and a path: no user name, query or fragment"
    )]
    Shape,
}

impl ExternalBase {
    /// Reads `text`; an `http` base without a port of its own gets `port`.
    pub fn parse(text: &str, port: u16) -> Result<Self, BaseError> {
        let uri: http::Uri = text.trim().parse().map_err(|_| BaseError::Shape)?;
        let Some(scheme @ ("http" | "https")) = uri.scheme_str() else {
            return Err(BaseError::Scheme);
        };
        let authority = uri.authority().ok_or(BaseError::Shape)?;
        let given = Port::of(authority);
        let strange = authority.as_str().contains('@')
            || uri.query().is_some()
            || text.contains('#')
            || authority.host().is_empty()
            || matches!(given, Port::Wrong | Port::Said(0));
        if strange {
            return Err(BaseError::Shape);
        }
        let own = scheme == "https" || given != Port::Unsaid;
        let port = if own {
            String::new()
        } else {
            format!(":{port}")
        };
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self {
            origin: format!("{scheme}://{authority}{port}"),
            prefix,
        })
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The path before every route: empty, or `/…` without a trailing `/`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The URL of the route `path`, which starts with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin, self.prefix)
    }

    /// The URL of a well-known document: RFC 8615 puts its name between host and prefix.
    pub fn well_known(&self, name: &str) -> String {
        format!("{}/.well-known/{name}{}", self.origin, self.prefix)
    }

    /// Whether the outside world speaks TLS to us.
    pub fn is_https(&self) -> bool {
        self.origin.starts_with("https:")
    }
}

impl fmt::Display for ExternalBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.prefix)
    }
}

/// What stands where a port may stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Port {
    /// Nothing.
    Unsaid,
    /// A port.
    Said(u16),
    /// Something that is no port.
    Wrong,
}

impl Port {
    pub(crate) fn of(authority: &Authority) -> Self {
        let host_and_port = authority.as_str().rsplit('@').next().unwrap_or_default();
        match host_and_port.strip_prefix(authority.host()) {
            None => Self::Wrong,
            Some("") => Self::Unsaid,
            Some(rest) => rest
                .strip_prefix(':')
                .and_then(|port| port.parse().ok())
                .map_or(Self::Wrong, Self::Said),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_prefixes() {
        for (text, expected) in [
            (
                "https://api.example.com/google-workspace/",
                "https://api.example.com/google-workspace",
            ),
            ("https://api.example.com", "https://api.example.com"),
            (
                "https://api.example.com:8443/x",
                "https://api.example.com:8443/x",
            ),
            ("http://localhost", "http://localhost:8000"),
            ("http://localhost:9000", "http://localhost:9000"),
            (
                "http://localhost/google-workspace",
                "http://localhost:8000/google-workspace",
            ),
            ("http://[::1]", "http://[::1]:8000"),
            ("http://[::1]:81/", "http://[::1]:81"),
        ] {
            assert_eq!(
                ExternalBase::parse(text, 8000).unwrap().to_string(),
                expected
            );
        }
    }

    #[test]
    fn urls_keep_the_prefix() {
        let base = ExternalBase::parse("https://a.example/ws", 8000).unwrap();
        assert_eq!(
            base.url("/oauth2callback"),
            "https://a.example/ws/oauth2callback"
        );
        assert_eq!(
            base.well_known("oauth-protected-resource"),
            "https://a.example/.well-known/oauth-protected-resource/ws"
        );
    }

    #[test]
    fn strange_bases_are_refused() {
        for text in ["ftp://a", "a.example", "", "https://"] {
            assert!(ExternalBase::parse(text, 1).is_err(), "{text}");
        }
        for text in [
            "http://u:p@a",
            "http://a?q",
            "http://a#f",
            "http://a:99999",
            "http://a:",
            "http://a:0",
        ] {
            assert_eq!(
                ExternalBase::parse(text, 1),
                Err(BaseError::Shape),
                "{text}"
            );
        }
    }
}
