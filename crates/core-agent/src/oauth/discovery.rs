//! Metadata of protected resources (RFC 9728) and of authorization servers (RFC 8414, OpenID
//! Connect Discovery): where it is looked for, and what of it is believed.
//!
//! Pure; [`super::explore`] asks.
//! Invariant: metadata is used only when it names the very thing it was asked for.

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::scopes::Scopes;

/// Authorization servers named by one resource, beyond which no more are read.
const MOST_SERVERS: usize = 8;

/// Metadata that is not used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadMetadata {
    /// Not the JSON it should be.
    #[error("the {0} metadata cannot be read")]
    Unreadable(&'static str),
    /// Metadata of something else.
    #[error("the protected resource metadata is about another server than the one that was asked")]
    OtherResource,
    /// Nobody to sign in with.
    #[error("the protected resource metadata names no authorization server")]
    NoServer,
    /// Metadata of somebody else.
    #[error(
        "the authorization server metadata states another issuer than the one it was asked for"
    )]
    OtherIssuer,
    /// An issuer that cannot be one.
    #[error("an issuer must not have a query or a fragment")]
    OddIssuer,
}

/// A protected resource's metadata, as far as it matters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ProtectedResource {
    /// Its identifier, letter by letter.
    pub resource: String,
    /// The issuers it trusts, letter by letter.
    pub issuers: Vec<String>,
    /// The scopes it knows; absent when it says nothing.
    pub scopes: Option<Scopes>,
}

/// An authorization server's metadata, as far as it matters.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub(super) struct AuthorizationServer {
    /// Its identifier, letter by letter.
    pub issuer: String,
    /// Where people consent.
    #[serde(default)]
    pub authorization_endpoint: Option<String>,
    /// Where tokens are made.
    #[serde(default)]
    pub token_endpoint: Option<String>,
    /// Where clients register.
    #[serde(default)]
    pub registration_endpoint: Option<String>,
    /// Where tokens are revoked.
    #[serde(default)]
    pub revocation_endpoint: Option<String>,
    /// The scopes it knows.
    #[serde(default)]
    pub scopes_supported: Option<Scopes>,
    /// The grants it knows.
    #[serde(default)]
    pub grant_types_supported: Option<Vec<String>>,
    /// How clients may authenticate at the token endpoint.
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// The PKCE methods it checks.
    #[serde(default)]
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// Whether it says who it is on the way back.
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
    /// Whether a client id may be the URL of a metadata document.
    #[serde(default)]
    pub client_id_metadata_document_supported: bool,
}

impl AuthorizationServer {
    /// Whether it checks the only PKCE method that protects anything.
    pub(super) fn checks_pkce(&self) -> bool {
        lists(self.code_challenge_methods_supported.as_ref(), "S256")
    }

    /// What servers of the protocol's first revision with authorization are taken for when they
    /// publish nothing at all: the three endpoints at fixed places of the server itself.
    pub(super) fn without_metadata(origin: &Url) -> Self {
        let base = origin.origin().ascii_serialization();
        Self {
            authorization_endpoint: Some(format!("{base}/authorize")),
            token_endpoint: Some(format!("{base}/token")),
            registration_endpoint: Some(format!("{base}/register")),
            issuer: base,
            revocation_endpoint: None,
            scopes_supported: None,
            grant_types_supported: None,
            token_endpoint_auth_methods_supported: None,
            code_challenge_methods_supported: Some(vec!["S256".into()]),
            authorization_response_iss_parameter_supported: false,
            client_id_metadata_document_supported: false,
        }
    }
}

/// Whether a list of a metadata document is there and has `name`.
pub(super) fn lists(list: Option<&Vec<String>>, name: &str) -> bool {
    list.is_some_and(|list| list.iter().any(|known| known == name))
}

/// Where a server's protected resource metadata may be when it does not say, in order.
pub(super) fn resource_places(server: &Url) -> Vec<Url> {
    well_known(server, &["oauth-protected-resource"], true)
}

/// Where an issuer's metadata may be, in order.
pub(super) fn issuer_places(issuer: &Url) -> Result<Vec<Url>, BadMetadata> {
    if issuer.query().is_some() || issuer.fragment().is_some() {
        return Err(BadMetadata::OddIssuer);
    }
    let mut places = well_known(
        issuer,
        &["oauth-authorization-server", "openid-configuration"],
        false,
    );
    let path = issuer.path().trim_end_matches('/');
    if !path.is_empty() {
        let mut appended = issuer.clone();
        appended.set_path(&format!("{path}/.well-known/openid-configuration"));
        places.push(appended);
    }
    Ok(places)
}

fn well_known(of: &Url, names: &[&str], root_too: bool) -> Vec<Url> {
    let path = of.path().trim_end_matches('/');
    let mut places = Vec::new();
    for name in names {
        let mut inserted = of.clone();
        inserted.set_fragment(None);
        inserted.set_path(&format!("/.well-known/{name}{path}"));
        places.push(inserted);
        if root_too && !path.is_empty() {
            let mut root = of.clone();
            root.set_fragment(None);
            root.set_query(None);
            root.set_path(&format!("/.well-known/{name}"));
            places.push(root);
        }
    }
    places
}

/// Reads the metadata of the protected resource at `server`.
pub(super) fn read_resource(
    document: &Value,
    server: &Url,
) -> Result<ProtectedResource, BadMetadata> {
    #[derive(Deserialize)]
    struct Document {
        resource: String,
        #[serde(default)]
        authorization_servers: Vec<String>,
        #[serde(default)]
        scopes_supported: Option<Scopes>,
    }
    let document =
        Document::deserialize(document).map_err(|_| BadMetadata::Unreadable("resource"))?;
    if !covers(&document.resource, server) {
        return Err(BadMetadata::OtherResource);
    }
    if document.authorization_servers.is_empty() {
        return Err(BadMetadata::NoServer);
    }
    let mut issuers = document.authorization_servers;
    issuers.truncate(MOST_SERVERS);
    Ok(ProtectedResource {
        resource: document.resource,
        issuers,
        scopes: document.scopes_supported,
    })
}

/// Reads the metadata of the authorization server that calls itself one of `issuers`.
pub(super) fn read_issuer(
    document: &Value,
    issuers: &[&str],
) -> Result<AuthorizationServer, BadMetadata> {
    let server = AuthorizationServer::deserialize(document)
        .map_err(|_| BadMetadata::Unreadable("authorization server"))?;
    if issuers.contains(&server.issuer.as_str()) {
        Ok(server)
    } else {
        Err(BadMetadata::OtherIssuer)
    }
}

/// The identifier of a server that publishes no metadata (RFC 8707: no fragment; the protocol:
/// no slash at the end of an address without a path).
pub(super) fn canonical_resource(server: &Url) -> String {
    let mut server = server.clone();
    server.set_fragment(None);
    let text = server.to_string();
    match text.strip_suffix('/') {
        Some(bare) if server.path() == "/" && server.query().is_none() => bare.to_owned(),
        _ => text,
    }
}

/// Whether a resource's identifier is that of `server`, or of the part of its host it is in.
fn covers(resource: &str, server: &Url) -> bool {
    let Ok(resource) = Url::parse(resource) else {
        return false;
    };
    let same_place = resource.origin() == server.origin()
        && resource.host().is_some()
        && resource.fragment().is_none()
        && resource.username().is_empty()
        && resource.password().is_none()
        && (resource.query().is_none() || resource.query() == server.query());
    let path = resource.path().trim_end_matches('/');
    same_place
        && server
            .path()
            .strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn texts(urls: Vec<Url>) -> Vec<String> {
        urls.into_iter().map(String::from).collect()
    }

    #[test]
    fn metadata_is_looked_for_in_order() {
        assert_eq!(
            texts(resource_places(&url("https://h/public/mcp"))),
            [
                "https://h/.well-known/oauth-protected-resource/public/mcp",
                "https://h/.well-known/oauth-protected-resource",
            ]
        );
        assert_eq!(
            texts(resource_places(&url("https://h"))),
            ["https://h/.well-known/oauth-protected-resource"]
        );
        assert_eq!(
            texts(issuer_places(&url("https://as/tenant1/")).unwrap()),
            [
                "https://as/.well-known/oauth-authorization-server/tenant1",
                "https://as/.well-known/openid-configuration/tenant1",
                "https://as/tenant1/.well-known/openid-configuration",
            ]
        );
        assert_eq!(
            texts(issuer_places(&url("https://as:8443")).unwrap()),
            [
                "https://as:8443/.well-known/oauth-authorization-server",
                "https://as:8443/.well-known/openid-configuration",
            ]
        );
        assert!(issuer_places(&url("https://as/?x")).is_err());
    }

    #[test]
    fn a_resource_must_be_the_server_or_around_it() {
        let table = [
            ("https://h/mcp", true),
            ("https://H/mcp", true),
            ("https://h:443/mcp", true),
            ("https://h", true),
            ("https://h/", true),
            ("https://h/mcp/", true),
            ("https://h/mc", false),
            ("https://h/mcp/deeper", false),
            ("https://h/other", false),
            ("http://h/mcp", false),
            ("https://h:444/mcp", false),
            ("https://evil.example.com/mcp", false),
            ("https://h.evil/mcp", false),
            ("https://h@evil/mcp", false),
            ("https://user@h/mcp", false),
            ("https://h/mcp#x", false),
            ("https://h/mcp?x", false),
            ("mcp", false),
            ("", false),
        ];
        for (resource, expected) in table {
            let document = json!({"resource": resource, "authorization_servers": ["https://as"]});
            let read = read_resource(&document, &url("https://h/mcp"));
            assert_eq!(read.is_ok(), expected, "{resource}");
            // Letter by letter: it is sent back in requests.
            if let Ok(read) = read {
                assert_eq!(read.resource, resource);
            }
        }
    }

    #[test]
    fn a_resource_without_authorization_servers_or_with_wrong_types_is_refused() {
        let server = url("https://h/mcp");
        for (document, expected) in [
            (json!({"resource": "https://h/mcp"}), BadMetadata::NoServer),
            (json!({"resource": 1}), BadMetadata::Unreadable("resource")),
            (json!([]), BadMetadata::Unreadable("resource")),
            (
                json!({"resource": "https://h/mcp", "authorization_servers": "x"}),
                BadMetadata::Unreadable("resource"),
            ),
        ] {
            assert_eq!(read_resource(&document, &server).unwrap_err(), expected);
        }
    }

    #[test]
    fn an_issuer_is_compared_letter_by_letter() {
        for (stated, expected) in [
            ("https://as", true),
            ("https://as/", false),
            ("https://AS", false),
            ("https://as:443", false),
            ("https://attacker", false),
        ] {
            let document = json!({"issuer": stated, "token_endpoint": "https://as/token"});
            let read = read_issuer(&document, &["https://as"]);
            assert_eq!(read.is_ok(), expected, "{stated}");
        }
        assert!(read_issuer(&json!({}), &["https://as"]).is_err());
    }

    #[test]
    fn pkce_must_be_promised() {
        let with = |methods: Value| {
            let mut document = json!({"issuer": "https://as"});
            document["code_challenge_methods_supported"] = methods;
            read_issuer(&document, &["https://as"])
                .unwrap()
                .checks_pkce()
        };
        assert!(with(json!(["plain", "S256"])));
        assert!(!with(json!(["plain"])) && !with(json!([])) && !with(json!(null)));
        assert!(!with(json!(["s256"])));
    }

    #[test]
    fn a_server_without_metadata_is_named_by_its_address() {
        assert_eq!(canonical_resource(&url("https://H:443/")), "https://h");
        assert_eq!(canonical_resource(&url("https://h/mcp#x")), "https://h/mcp");
        assert_eq!(canonical_resource(&url("https://h/?x")), "https://h/?x");
    }
}
