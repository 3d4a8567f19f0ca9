//! What a request of either era must say in its headers and in `_meta`.
//!
//! Invariant: a header never wins over the body; where the two differ the request is refused.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, StatusCode};

use super::{
    envelope::{Meta, Request},
    fault::{Fault, INVALID_PARAMS},
};
use crate::Era;

pub(crate) const VERSION_HEADER: &str = "mcp-protocol-version";
const METHOD_HEADER: &str = "mcp-method";
const NAME_HEADER: &str = "mcp-name";
/// The first revision without a handshake.
const STATELESS: &str = "2026-07-28";
/// What a client that says nothing speaks.
const UNSAID: &str = "2025-03-26";

/// The conversation a request belongs to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Conversation {
    pub(crate) era: Era,
    pub(crate) protocol: &'static str,
}

/// Finds out which conversation the request belongs to and whether it keeps its rules.
///
/// `name` is what the method's `Mcp-Name` header must repeat, if the method has one.
pub(crate) fn conversation(
    headers: &HeaderMap,
    request: &Request<'_>,
    meta: Option<&Meta<'_>>,
    name: Option<&str>,
) -> Result<Conversation, Fault> {
    let header = only(headers, VERSION_HEADER)?;
    let declared = meta.and_then(Meta::version);
    if request.method == "initialize" {
        return Ok(Conversation {
            era: Era::Handshake,
            protocol: UNSAID,
        });
    }
    let known_header = header.and_then(known);
    if declared.is_none() && header.is_some() && known_header.is_none() {
        return Err(Fault::version(header.unwrap_or_default()));
    }
    if header.is_some_and(|version| version >= STATELESS) {
        standard_headers(headers, request.method, name)?;
    }
    let stateless = declared.is_some()
        || request.method == "server/discover"
        || known_header.is_some_and(|version| version >= STATELESS);
    if !stateless {
        return Ok(Conversation {
            era: Era::Handshake,
            protocol: known_header.unwrap_or(UNSAID),
        });
    }
    let capable = meta.is_some_and(|meta| meta.capabilities().is_some());
    let Some(declared) = declared else {
        return Err(missing(false, capable));
    };
    match header {
        None => {
            return Err(Fault::header(
                "a request whose _meta has a protocolVersion needs the MCP-Protocol-Version header",
            ));
        }
        Some(header) if header != declared => {
            return Err(Fault::header(
                "the MCP-Protocol-Version header differs from the protocolVersion in _meta",
            ));
        }
        Some(_) => {}
    }
    let Some(protocol) = known(declared) else {
        return Err(Fault::version(declared));
    };
    if !capable {
        return Err(missing(true, false));
    }
    Ok(Conversation {
        era: Era::Stateless,
        protocol,
    })
}

fn missing(version: bool, capabilities: bool) -> Fault {
    let missing: Vec<_> = [
        (version, "io.modelcontextprotocol/protocolVersion"),
        (capabilities, "io.modelcontextprotocol/clientCapabilities"),
    ]
    .into_iter()
    .filter_map(|(there, key)| (!there).then_some(key))
    .collect();
    Fault::new(
        StatusCode::BAD_REQUEST,
        INVALID_PARAMS,
        format!(
            "the request's _meta is missing, or has in the wrong form: {}",
            missing.join(", ")
        ),
    )
}

fn known(version: &str) -> Option<&'static str> {
    REVISIONS.into_iter().find(|known| *known == version)
}

/// The revisions this server speaks, oldest first.
const REVISIONS: [&str; 5] = [
    "2024-11-05",
    "2025-03-26",
    "2025-06-18",
    "2025-11-25",
    "2026-07-28",
];

fn standard_headers(headers: &HeaderMap, method: &str, name: Option<&str>) -> Result<(), Fault> {
    match only(headers, METHOD_HEADER)? {
        None => return Err(Fault::header("the Mcp-Method header is missing")),
        Some(sent) if sent != method => {
            return Err(Fault::header(
                "the Mcp-Method header differs from the method in the body",
            ));
        }
        Some(_) => {}
    }
    let Some(name) = name else { return Ok(()) };
    let Some(sent) = only(headers, NAME_HEADER)? else {
        return Err(Fault::header("the Mcp-Name header is missing"));
    };
    match decoded(sent) {
        None => Err(Fault::header("the Mcp-Name header is not valid Base64")),
        Some(sent) if sent != name => Err(Fault::header(
            "the Mcp-Name header differs from the name in the body",
        )),
        Some(_) => Ok(()),
    }
}

/// The value of a header that may be there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Fault> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Fault::header(format!("the {name} header is there twice")));
    }
    value.to_str().map(Some).map_err(|_| {
        Fault::header(format!(
            "the {name} header has characters that no header may have"
        ))
    })
}

/// A header value without its Base64 wrapping, if it has one.
fn decoded(value: &str) -> Option<Cow<'_, str>> {
    let wrapped = value
        .strip_prefix("=?base64?")
        .and_then(|rest| rest.strip_suffix("?="));
    match wrapped {
        None => Some(Cow::Borrowed(value)),
        Some(encoded) => {
            let bytes = BASE64_STANDARD.decode(encoded).ok()?;
            String::from_utf8(bytes).ok().map(Cow::Owned)
        }
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::ProtocolVersion;
    use serde_json::{Value, json};

    use super::*;
    use crate::lean::envelope::{self, CallParams, Message};

    fn check(headers: &[(&str, &str)], meta: &Value) -> Result<Conversation, i32> {
        let body = json!({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":meta}}).to_string();
        let Message::Request(request) = envelope::read(body.as_bytes()).unwrap() else {
            panic!("a request");
        };
        let params: CallParams<'_> = envelope::params(&request).unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        conversation(&map, &request, params.meta.as_ref(), Some(&params.name))
            .map_err(|fault| fault.code)
    }

    fn modern() -> Value {
        json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        })
    }

    const GOOD: [(&str, &str); 3] = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "echo"),
    ];

    #[test]
    fn both_eras_are_recognised() {
        assert_eq!(check(&GOOD, &modern()).unwrap().era, Era::Stateless);
        assert_eq!(check(&[], &json!({})).unwrap().protocol, "2025-03-26");
        assert_eq!(
            check(&[("mcp-protocol-version", "2025-11-25")], &json!({})).unwrap(),
            Conversation {
                era: Era::Handshake,
                protocol: "2025-11-25"
            }
        );
        let wrapped = [GOOD[0], GOOD[1], ("mcp-name", "=?base64?ZWNobw==?=")];
        assert!(check(&wrapped, &modern()).is_ok());
    }

    #[test]
    fn every_revision_of_the_library_is_ours() {
        let library: Vec<_> = ProtocolVersion::KNOWN_VERSIONS
            .iter()
            .map(ProtocolVersion::as_str)
            .collect();
        assert_eq!(library, REVISIONS);
    }

    #[test]
    fn headers_and_body_must_agree() {
        for headers in [
            vec![GOOD[1], GOOD[2]],
            vec![GOOD[0], GOOD[2]],
            vec![GOOD[0], GOOD[1]],
            vec![("mcp-protocol-version", "2025-11-25"), GOOD[1], GOOD[2]],
            vec![GOOD[0], ("mcp-method", "Tools/Call"), GOOD[2]],
            vec![GOOD[0], GOOD[1], ("mcp-name", "Echo")],
            vec![GOOD[0], GOOD[1], ("mcp-name", "=?BASE64?ZWNobw==?=")],
            vec![GOOD[0], GOOD[1], ("mcp-name", "=?base64?***?=")],
            vec![GOOD[0], GOOD[0], GOOD[1], GOOD[2]],
            vec![GOOD[0], GOOD[1], GOOD[1], GOOD[2]],
        ] {
            assert_eq!(check(&headers, &modern()), Err(-32_020), "{headers:?}");
        }
    }

    #[test]
    fn unknown_versions_and_missing_fields() {
        let mut future = modern();
        future["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
        let headers = [("mcp-protocol-version", "2099-01-01"), GOOD[1], GOOD[2]];
        assert_eq!(check(&headers, &future), Err(-32_022));
        assert_eq!(
            check(&[("mcp-protocol-version", "1.0")], &json!({})),
            Err(-32_022)
        );
        assert_eq!(check(&GOOD, &json!({})), Err(-32_602));
        let mut incapable = modern();
        incapable["io.modelcontextprotocol/clientCapabilities"] = json!(7);
        assert_eq!(check(&GOOD, &incapable), Err(-32_602));
    }
}
