//! Which names this server answers to and which web pages may call it.
//!
//! Against DNS rebinding and against foreign pages; not authentication.
//! Invariant: a request that names two hosts, or a host differently in two places, is refused.

use http::{HeaderMap, StatusCode, header, request::Parts, uri::Authority};

use super::config::AllowedHosts;
use crate::base::Port;

/// The checks, read from the configuration once.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    hosts: Option<Vec<Name>>,
    origins: Vec<Origin>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Name {
    host: String,
    port: Option<u16>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Origin {
    scheme: String,
    host: String,
    port: OriginPort,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum OriginPort {
    Any,
    Only(u16),
}

/// Why a request may not pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) reason: &'static str,
    pub(crate) message: &'static str,
}

const BAD_HOST: Refused = Refused {
    status: StatusCode::BAD_REQUEST,
    reason: "host",
    message: "the request must name exactly one host",
};
const FOREIGN_HOST: Refused = Refused {
    status: StatusCode::FORBIDDEN,
    reason: "host",
    message: "this server does not answer to that host name; add it to the allowed hosts",
};
const FOREIGN_ORIGIN: Refused = Refused {
    status: StatusCode::FORBIDDEN,
    reason: "origin",
    message: "web pages of this origin may not call this server; add it to the allowed origins",
};

impl Guard {
    pub(crate) fn new(hosts: &AllowedHosts, origins: &[String]) -> Result<Self, String> {
        let hosts = match hosts {
            AllowedHosts::Any => None,
            AllowedHosts::Only(names) => Some(
                names
                    .iter()
                    .map(|text| {
                        name(text).ok_or_else(|| {
                            format!("the allowed host {text:?} is not a host name or host:port")
                        })
                    })
                    .collect::<Result<_, _>>()?,
            ),
        };
        let origins = origins
            .iter()
            .map(|text| {
                allowed_origin(text).ok_or_else(|| {
                    format!("the allowed origin {text:?} is not like https://app.example.com or http://localhost:*")
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { hosts, origins })
    }

    /// Whether this server answers to the name the request uses.
    pub(crate) fn check_host(&self, parts: &Parts) -> Result<(), Refused> {
        let mut values = parts.headers.get_all(header::HOST).iter();
        let from_header = match (values.next(), values.next()) {
            (Some(_), Some(_)) => return Err(BAD_HOST),
            (Some(value), None) => Some(value.to_str().ok().and_then(name).ok_or(BAD_HOST)?),
            (None, _) => None,
        };
        let from_uri = match parts.uri.authority() {
            Some(authority) => Some(name(authority.as_str()).ok_or(BAD_HOST)?),
            None => None,
        };
        let named = match (from_header, from_uri) {
            (Some(one), Some(two)) if one != two => return Err(BAD_HOST),
            (Some(name), _) | (None, Some(name)) => name,
            (None, None) => return Err(BAD_HOST),
        };
        let Some(hosts) = &self.hosts else {
            return Ok(());
        };
        let known = hosts.iter().any(|allowed| {
            allowed.host == named.host && (allowed.port.is_none() || allowed.port == named.port)
        });
        if known { Ok(()) } else { Err(FOREIGN_HOST) }
    }

    /// Whether the page that sends the request, if any, may call.
    pub(crate) fn check_origin(&self, headers: &HeaderMap) -> Result<(), Refused> {
        if !headers.contains_key(header::ORIGIN) || self.allows_origin(headers) {
            Ok(())
        } else {
            Err(FOREIGN_ORIGIN)
        }
    }

    /// Whether the request comes from a page of an allowed origin.
    pub(crate) fn allows_origin(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(header::ORIGIN).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return false;
        };
        let Some((scheme, host, port)) = value.to_str().ok().and_then(sent_origin) else {
            return false;
        };
        self.origins.iter().any(|allowed| {
            allowed.scheme == scheme
                && allowed.host == host
                && (allowed.port == OriginPort::Any || allowed.port == OriginPort::Only(port))
        })
    }
}

fn name(text: &str) -> Option<Name> {
    let authority: Authority = text.trim().parse().ok()?;
    let plain = !authority.as_str().contains('@') && !authority.host().is_empty();
    let port = match Port::of(&authority) {
        Port::Unsaid => None,
        Port::Said(port) => Some(port),
        Port::Wrong => return None,
    };
    plain.then(|| Name {
        host: authority.host().to_ascii_lowercase(),
        port,
    })
}

fn sent_origin(text: &str) -> Option<(String, String, u16)> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    if rest.contains(['/', '?', '#']) {
        return None;
    }
    let name = name(rest)?;
    let port = name.port.or_else(|| default_port(&scheme))?;
    Some((scheme, name.host, port))
}

fn allowed_origin(text: &str) -> Option<Origin> {
    let text = text.trim().trim_end_matches('/');
    if let Some(portless) = text.strip_suffix(":*") {
        let (scheme, host, _) = sent_origin(portless)?;
        return Some(Origin {
            scheme,
            host,
            port: OriginPort::Any,
        });
    }
    let (scheme, host, port) = sent_origin(text)?;
    Some(Origin {
        scheme,
        host,
        port: OriginPort::Only(port),
    })
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn guard() -> Guard {
        Guard::new(
            &AllowedHosts::Only(vec![
                "localhost".into(),
                "[::1]".into(),
                "ws.example:8000".into(),
            ]),
            &["https://app.example".into(), "http://localhost:*".into()],
        )
        .unwrap()
    }

    fn parts(uri: &str, hosts: &[&str]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn names_of_this_server_pass() {
        for host in ["localhost", "LOCALHOST:1234", "[::1]:80", "ws.example:8000"] {
            assert_eq!(
                guard().check_host(&parts("/mcp", &[host])),
                Ok(()),
                "{host}"
            );
        }
        assert_eq!(
            guard().check_host(&parts("http://localhost/mcp", &[])),
            Ok(())
        );
    }

    #[test]
    fn other_names_are_refused() {
        for host in [
            "evil.com",
            "127.0.0.1.nip.io",
            "localhost.evil.com",
            "ws.example",
            "ws.example:80",
        ] {
            assert_eq!(
                guard().check_host(&parts("/mcp", &[host])),
                Err(FOREIGN_HOST),
                "{host}"
            );
        }
        for hosts in [
            vec![],
            vec!["localhost", "localhost"],
            vec!["a@localhost"],
            vec!["localhost:"],
            vec!["localhost:99999"],
            vec!["local host"],
        ] {
            assert_eq!(
                guard().check_host(&parts("/mcp", &hosts)),
                Err(BAD_HOST),
                "{hosts:?}"
            );
        }
        assert_eq!(
            guard().check_host(&parts("http://evil.com/mcp", &["localhost"])),
            Err(BAD_HOST)
        );
    }

    #[test]
    fn a_load_balancer_may_use_any_name_but_one() {
        let open = Guard::new(&AllowedHosts::Any, &[]).unwrap();
        assert_eq!(open.check_host(&parts("/mcp", &["10.0.0.7:8000"])), Ok(()));
        assert_eq!(open.check_host(&parts("/mcp", &["a", "b"])), Err(BAD_HOST));
    }

    #[test]
    fn origins() {
        let check = |origins: &[&str]| {
            let mut headers = HeaderMap::new();
            for origin in origins {
                headers.append(header::ORIGIN, origin.parse().unwrap());
            }
            guard().check_origin(&headers).is_ok()
        };
        assert!(check(&[]));
        for good in [
            "https://app.example",
            "https://APP.example:443",
            "http://localhost",
            "http://localhost:5173",
        ] {
            assert!(check(&[good]), "{good}");
        }
        for bad in [
            "null",
            "http://app.example",
            "https://app.example:444",
            "https://app.example.evil.com",
            "https://app.example/",
            "https://localhost:1",
            "",
            "app.example",
        ] {
            assert!(!check(&[bad]), "{bad}");
        }
        assert!(!check(&["https://app.example", "https://app.example"]));
    }
}
