//! Where Google's hosts are.
//!
//! Normally at their own names. With a base set, `https://HOST/PATH` becomes `BASE/HOST/PATH`, so
//! that one address stands for all of Google and the original host stays visible.
//! Invariant: with a base set, no mapped URL leads anywhere else.

use url::Url;

/// Maps Google's URLs to where they are served.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    base: Option<String>,
}

impl Hosts {
    /// Google's own hosts.
    pub fn google() -> Self {
        Self::default()
    }

    /// Every host below `base`.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the base is given away for good"
    )]
    pub fn behind(base: Url) -> Self {
        Self {
            base: Some(base.as_str().trim_end_matches('/').to_owned()),
        }
    }

    /// The URL to use instead of `https://HOST/PATH?QUERY`. A URL that is mapped already stays.
    pub fn map(&self, original: &str) -> String {
        let Some(base) = &self.base else {
            return original.to_owned();
        };
        if let Some(rest) = original.strip_prefix(base)
            && (rest.is_empty() || rest.starts_with('/'))
        {
            return original.to_owned();
        }
        let rest = original
            .strip_prefix("https://")
            .or_else(|| original.strip_prefix("http://"))
            .unwrap_or(original);
        format!("{base}/{rest}")
    }

    /// Whether something else than Google itself answers.
    pub fn replaced(&self) -> bool {
        self.base.is_some()
    }

    /// Whether requests go out without TLS.
    pub(crate) fn plain(&self) -> bool {
        self.base
            .as_ref()
            .is_some_and(|base| base.starts_with("http://"))
    }

    /// The URL that Google told us to go to next (an upload session, a redirect), when it is one of
    /// Google's own or behind the base.
    pub(crate) fn follow(&self, told: &str) -> Option<String> {
        if let Some(base) = &self.base
            && told
                .strip_prefix(base)
                .is_some_and(|rest| rest.starts_with('/'))
        {
            return Some(told.to_owned());
        }
        let url = Url::parse(told).ok()?;
        let safe = url.scheme() == "https" && url.username().is_empty() && url.port().is_none();
        (safe && is_google(url.host_str()?)).then(|| self.map(url.as_str()))
    }
}

/// Whether a host belongs to Google's APIs and their content servers.
pub(crate) fn is_google(host: &str) -> bool {
    ["googleapis.com", "google.com", "googleusercontent.com"]
        .iter()
        .any(|domain| {
            host.strip_suffix(domain)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(base: &str) -> Hosts {
        Hosts::behind(Url::parse(base).unwrap())
    }

    #[test]
    fn the_original_host_stays_visible_behind_a_base() {
        let url = "https://gmail.googleapis.com/gmail/v1/users/me/labels?alt=json";
        assert_eq!(Hosts::google().map(url), url);
        for base in ["http://127.0.0.1:8080", "http://127.0.0.1:8080/"] {
            assert_eq!(
                behind(base).map(url),
                "http://127.0.0.1:8080/gmail.googleapis.com/gmail/v1/users/me/labels?alt=json"
            );
        }
        assert_eq!(
            behind("https://box.example/google").map("https://oauth2.googleapis.com/token"),
            "https://box.example/google/oauth2.googleapis.com/token"
        );
    }

    #[test]
    fn mapping_twice_is_mapping_once() {
        let hosts = behind("http://127.0.0.1:8080");
        let once = hosts.map("https://oauth2.googleapis.com/token");
        assert_eq!(hosts.map(&once), once);
        assert_ne!(behind("http://127.0.0.1:80").map(&once), once);
    }

    #[test]
    fn only_googles_hosts_are_followed() {
        let google = Hosts::google();
        for good in [
            "https://www.googleapis.com/upload/drive/v3/files?upload_id=1",
            "https://doc-00.googleusercontent.com/docs/x",
        ] {
            assert_eq!(google.follow(good).as_deref(), Some(good));
        }
        for bad in [
            "http://www.googleapis.com/upload",
            "https://evilgoogleapis.com/",
            "https://googleapis.com.evil.example/",
            "https://www.googleapis.com@evil.example/",
            "https://169.254.169.254/latest",
            "/relative",
        ] {
            assert_eq!(google.follow(bad), None, "{bad}");
        }
        let boxed = behind("http://127.0.0.1:9");
        let session = "http://127.0.0.1:9/www.googleapis.com/upload?id=1";
        assert_eq!(boxed.follow(session).as_deref(), Some(session));
        assert_eq!(boxed.follow("http://127.0.0.1:99/x"), None);
        assert_eq!(
            boxed.follow("https://www.googleapis.com/u").as_deref(),
            Some("http://127.0.0.1:9/www.googleapis.com/u")
        );
    }
}
