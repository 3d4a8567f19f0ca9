//! Where Google's hosts are.
//!
//! Normally at their own names. With a base set, `https://HOST/PATH` becomes `BASE/HOST/PATH`, so
//! that one address stands for all of Google and the original host stays visible.

use url::Url;

/// Maps Google's URLs to where they are served.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    base: Option<Url>,
}

impl Hosts {
    /// Google's own hosts.
    pub fn google() -> Self {
        Self::default()
    }

    /// Every host below `base`.
    pub fn behind(base: Url) -> Self {
        Self { base: Some(base) }
    }

    /// The URL to use instead of `https://HOST/PATH?QUERY`.
    pub fn map(&self, original: &str) -> String {
        let Some(base) = &self.base else { return original.to_owned() };
        let rest = original.strip_prefix("https://").unwrap_or(original);
        format!("{}/{rest}", base.as_str().trim_end_matches('/'))
    }
}
