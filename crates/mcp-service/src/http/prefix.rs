//! Path prefixes a load balancer leaves in front of our routes.
//!
//! Invariant: a prefix is stripped on a segment boundary only, and the rest of the raw path and
//! the query stay as they came.

use http::{Uri, uri::PathAndQuery};

/// The prefixes to strip, longest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prefixes(Vec<String>);

impl Prefixes {
    /// Reads prefixes such as `/google-workspace`; an empty one or `/` means none.
    pub(crate) fn new(prefixes: &[String]) -> Result<Self, String> {
        let mut read = Vec::new();
        for prefix in prefixes {
            let trimmed = prefix.trim().trim_matches('/');
            if trimmed.is_empty() {
                continue;
            }
            let path = format!("/{trimmed}");
            let plain = path
                .parse::<PathAndQuery>()
                .is_ok_and(|read| read == path.as_str());
            if !plain || path.contains(['?', '#', '%']) || path.contains("//") {
                return Err(format!(
                    "the path prefix {prefix:?} is not a plain path such as /google-workspace"
                ));
            }
            read.push(path);
        }
        read.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
        read.dedup();
        Ok(Self(read))
    }

    /// The path without the longest prefix it starts with; `None` when it has none.
    ///
    /// A prefix below `/mcp` that stands alone is the MCP endpoint itself.
    pub(crate) fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        self.0.iter().find_map(|prefix| {
            let rest = path.strip_prefix(prefix.as_str())?;
            match rest {
                "" | "/" if prefix == "/mcp" || prefix.starts_with("/mcp/") => Some("/mcp"),
                "" => Some("/"),
                _ if rest.starts_with('/') => Some(rest),
                _ => None,
            }
        })
    }

    /// `uri` with its path stripped.
    pub(crate) fn strip_uri(&self, uri: &Uri) -> Option<Uri> {
        let path = self.strip(uri.path())?;
        let stripped = match uri.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(stripped.parse().ok()?);
        Uri::from_parts(parts).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes() -> Prefixes {
        Prefixes::new(&[
            "/google-workspace".into(),
            "mcp/google-workspace/".into(),
            "/".into(),
        ])
        .unwrap()
    }

    #[test]
    fn strips_on_segment_boundaries_only() {
        for (path, expected) in [
            ("/google-workspace", Some("/")),
            ("/google-workspace/", Some("/")),
            ("/google-workspace/health", Some("/health")),
            ("/google-workspace/a%2Fb//c", Some("/a%2Fb//c")),
            ("/google-workspacex", None),
            ("/google-workspacex/health", None),
            ("/health", None),
            ("/mcp/google-workspace", Some("/mcp")),
            ("/mcp/google-workspace/", Some("/mcp")),
            (
                "/mcp/google-workspace/oauth2callback",
                Some("/oauth2callback"),
            ),
            ("/mcp", None),
        ] {
            assert_eq!(prefixes().strip(path), expected, "{path}");
        }
    }

    #[test]
    fn keeps_the_query_as_it_came() {
        let uri: Uri = "/google-workspace/oauth2callback?code=a%2Fb&state=%7B"
            .parse()
            .unwrap();
        assert_eq!(
            prefixes().strip_uri(&uri).unwrap().to_string(),
            "/oauth2callback?code=a%2Fb&state=%7B"
        );
    }

    #[test]
    fn refuses_what_is_no_path() {
        for prefix in ["/a?b", "/a b", "/a#b", "/a//b", "/%41"] {
            assert!(Prefixes::new(&[prefix.into()]).is_err(), "{prefix}");
        }
    }
}
