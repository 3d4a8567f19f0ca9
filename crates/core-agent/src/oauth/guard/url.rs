//! Which URLs of servers are used at all.
//!
//! Invariant: what is accepted is `https`, or `http` to this very machine, and holds no character
//! that any program on the way to a browser could read as something else.

use std::net::IpAddr;

use url::{Host, Url};

use super::address::{Reach, refused_address};

const LONGEST: usize = 2048;

/// A URL that is not used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadUrl {
    /// It is none.
    #[error("{what} is not a URL")]
    NotUrl {
        /// What it should have been.
        what: &'static str,
    },
    /// Not https.
    #[error("{what} must be https, or http on this machine")]
    NotHttps {
        /// What it is.
        what: &'static str,
    },
    /// With something a plain address has not.
    #[error("{what} has characters or parts that such a URL must not have")]
    Odd {
        /// What it is.
        what: &'static str,
    },
    /// At an address that is not connected to.
    #[error(
        "{what} is at an address inside a private network, which a server may not name; set \
         oauth.allow_private_addresses for this server when that is meant"
    )]
    Inside {
        /// What it is.
        what: &'static str,
    },
}

/// Checks a URL that this program itself is going to ask. Names are checked again when they are
/// resolved.
pub(crate) fn flow_url(what: &'static str, text: &str, reach: Reach) -> Result<Url, BadUrl> {
    let url = plain_url(what, text)?;
    match url.host() {
        Some(Host::Ipv4(address)) if refused_address(IpAddr::V4(address), reach) => {
            Err(BadUrl::Inside { what })
        }
        Some(Host::Ipv6(address)) if refused_address(IpAddr::V6(address), reach) => {
            Err(BadUrl::Inside { what })
        }
        Some(Host::Domain("localhost")) if !matches!(reach, Reach::Loopback | Reach::Anywhere) => {
            Err(BadUrl::Inside { what })
        }
        _ => Ok(url),
    }
}

/// Checks the URL of an authorization endpoint, which a browser is going to open.
pub(crate) fn browser_url(text: &str, reach: Reach) -> Result<Url, BadUrl> {
    const WHAT: &str = "the authorization endpoint";
    // Our own parameters must not be there already: which of two counts is anybody's guess.
    const OURS: [&str; 9] = [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "code_challenge",
        "code_challenge_method",
        "resource",
        "request_uri",
    ];
    let url = flow_url(WHAT, text, reach)?;
    if url
        .query_pairs()
        .any(|(name, _)| OURS.contains(&name.as_ref()))
    {
        return Err(BadUrl::Odd { what: WHAT });
    }
    Ok(url)
}

fn plain_url(what: &'static str, text: &str) -> Result<Url, BadUrl> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@,=%&+".contains(&byte);
    let url = Url::parse(text).map_err(|_| BadUrl::NotUrl { what })?;
    let host = url.host().ok_or(BadUrl::NotUrl { what })?;
    let this_machine = match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => name == "localhost",
    };
    if !(url.scheme() == "https" || url.scheme() == "http" && this_machine) {
        return Err(BadUrl::NotHttps { what });
    }
    // Other spellings of the beginning are read differently by different programs.
    let begins = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .is_some_and(|rest| !rest.starts_with('/'));
    let dotted = matches!(host, Host::Domain(name) if name.ends_with('.') || name.is_empty());
    let with_user = !url.username().is_empty() || url.password().is_some() || text.contains('@');
    if text.len() > LONGEST || !text.bytes().all(plain) || !begins || dotted || with_user {
        return Err(BadUrl::Odd { what });
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_servers_are_checked() {
        let good = [
            ("https://as.example.com/authorize", Reach::Public),
            ("https://as.example.com/a?tenant=x&y=%20", Reach::Public),
            ("http://127.0.0.1:80/authorize", Reach::Loopback),
            ("http://localhost:80/authorize", Reach::Loopback),
            ("https://10.0.0.1/authorize", Reach::Anywhere),
        ];
        for (text, reach) in good {
            assert!(browser_url(text, reach).is_ok(), "{text}");
        }
        let bad = [
            "javascript:alert(1)",
            "file:///etc/passwd",
            "data:text/html,x",
            "vbscript:x",
            "http://as.example.com/authorize",
            "https://x/$(calc)",
            "https://x/`calc`",
            "https://x/;calc\"",
            "-flag",
            "\"&calc\"",
            "--help https://x/",
            "https://x/a b",
            "https://x/\n",
            "https://user@x/",
            "https://user:pass@x/",
            "https://x/#fragment",
            "https://x/%00|calc",
            "https://x./authorize",
            "https://localhost./authorize",
            "https://127.0.0.1/authorize",
            "https://127.1/authorize",
            "https://2130706433/authorize",
            "https://0x7f000001/authorize",
            "https://0177.0.0.1/authorize",
            "https://[::1]/authorize",
            "https://[::ffff:10.0.0.1]/authorize",
            "https://[64:ff9b::a00:1]/authorize",
            "https://169.254.169.254/latest",
            "https://100.64.0.1/",
            "http://localhost/authorize",
            "https://x/authorize?client_id=evil",
            "https://x/authorize?request_uri=https%3A%2F%2Fevil",
            "https:///authorize",
            "https://",
            "",
        ];
        for text in bad {
            assert!(browser_url(text, Reach::Public).is_err(), "{text}");
        }
        for text in ["http://10.0.0.1/", "https://169.254.169.254/", "http://x/"] {
            assert!(browser_url(text, Reach::Anywhere).is_err(), "{text}");
        }
    }
}
