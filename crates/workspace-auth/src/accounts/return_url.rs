//! Where a browser may be sent after a sign-in.
//!
//! Invariant: only to loopback, to a listed origin, or to a listed address, letter for letter;
//! anything else is refused before Google is involved.

use url::{Host, Url};

use crate::AuthError;

const LONGEST: usize = 2048;

/// The address, if a sign-in may end there.
pub(super) fn checked(text: &str, allowed: &[String]) -> Result<Url, AuthError> {
    let refused = || AuthError::Input {
        problem: "return_url is not allowed; use an address on localhost, or have the operator \
                  list its origin"
            .to_owned(),
    };
    if text.len() > LONGEST || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(refused());
    }
    let url = Url::parse(text).map_err(|_| refused())?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none();
    let listed = allowed.iter().any(|entry| {
        entry == text
            || Url::parse(entry).is_ok_and(|entry| {
                entry.path() == "/" && entry.query().is_none() && entry.origin() == url.origin()
            })
    });
    if plain && (listed || is_loopback(&url)) {
        Ok(url)
    } else {
        Err(refused())
    }
}

/// The same address with more parameters behind those it has.
pub(super) fn with(mut url: Url, parameters: &[(&str, &str)]) -> Url {
    url.query_pairs_mut().extend_pairs(parameters);
    url
}

/// Whether the address is on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_listed_addresses_are_fit() {
        let allowed =
            ["https://app.example.com", "https://one.example.com/cb?x=1"].map(str::to_owned);
        for good in [
            "http://localhost:5173/auth/callback",
            "http://127.0.0.1/x",
            "http://[::1]:9/x",
            "https://app.example.com/any/where?x=1",
            "https://one.example.com/cb?x=1",
        ] {
            assert!(checked(good, &allowed).is_ok(), "{good}");
        }
        for bad in [
            "https://evil.example/",
            "https://app.example.com.evil.example/",
            "https://app.example.com@evil.example/",
            "https://user@app.example.com/",
            "http://app.example.com/",
            "https://app.example.com:444/",
            "https://one.example.com/cb",
            "https://one.example.com/cb?x=1&y=2",
            "http://localhost.evil.example/",
            "http://127.0.0.1.nip.io/",
            "javascript:alert(1)",
            "data:text/html,x",
            "//localhost/",
            "/relative",
            "http://localhost/\r\nx",
            " http://localhost/",
            "",
        ] {
            assert!(checked(bad, &allowed).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn parameters_respect_those_that_are_there() {
        let url = checked("http://localhost/x?a=1#f", &[]).unwrap();
        let url = with(url, &[("success", "true"), ("email", "a+b@example.com")]);
        assert_eq!(
            url.as_str(),
            "http://localhost/x?a=1&success=true&email=a%2Bb%40example.com#f"
        );
    }
}
