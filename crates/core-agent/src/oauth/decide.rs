//! What a sign-in does next, given what is known: the grant, the client, its way to authenticate,
//! the scopes.
//!
//! Pure: table in, decision out.
//! Invariant: a client identity is used with the issuer it belongs to and with no other.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{
    discovery::{AuthorizationServer, lists},
    scopes::Scopes,
};
use crate::config::GrantChoice;

/// What is configured for one server, secrets resolved.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// A client id registered beforehand.
    pub client_id: Option<String>,
    /// Its secret.
    pub client_secret: Option<SecretString>,
    /// Its private key, PKCS#8 in PEM, for signed assertions.
    pub client_key: Option<SecretString>,
    /// An assertion that somebody else signed for this program.
    pub assertion: Option<SecretString>,
    /// The issuer at which the client id is registered.
    pub issuer: Option<String>,
    /// The URL of our client metadata document.
    pub document: Option<String>,
    /// Scopes to ask for at first.
    pub scopes: Scopes,
    /// The grant, when it is not to be found out.
    pub grant: GrantChoice,
}

/// How a token is obtained.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Grant {
    /// A person consents.
    AuthorizationCode,
    /// This program asks in its own name.
    ClientCredentials,
    /// This program shows what another authority signed for it (RFC 7523 2.1).
    JwtBearer,
}

/// How a client says who it is at the token endpoint.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum AuthMethod {
    /// By its id alone.
    #[serde(rename = "none")]
    None,
    /// By its secret in the `Authorization` header.
    #[serde(rename = "client_secret_basic")]
    Basic,
    /// By its secret in the body.
    #[serde(rename = "client_secret_post")]
    Post,
    /// By an assertion signed with its key.
    #[serde(rename = "private_key_jwt")]
    SignedAssertion,
}

impl AuthMethod {
    /// The name of the registry.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::SignedAssertion => "private_key_jwt",
        }
    }
}

/// Which client this program is at an authorization server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Identity {
    /// The configured one.
    Configured,
    /// The one described by the document at this URL.
    Document(String),
    /// One that this program registers, or has registered, there.
    Registered,
}

/// Why no sign-in is possible.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Impossible {
    /// PKCE is not promised.
    #[error(
        "the authorization server does not promise PKCE with S256, without which a sign-in can be stolen"
    )]
    NoPkce,
    /// An endpoint is missing.
    #[error("the authorization server publishes no {0}")]
    NoEndpoint(&'static str),
    /// No way to become a client.
    #[error(
        "the authorization server registers no clients by itself: register one there and set \
         oauth.client_id (and oauth.client_secret) for this server"
    )]
    NoClient,
    /// The configured client belongs to another authorization server.
    #[error(
        "the server has changed its authorization server; the configured client id belongs to the \
         former one and is not sent to another: check with the server's owner, then set \
         oauth.issuer and oauth.client_id for this server"
    )]
    OtherIssuer,
    /// Nothing to authenticate with.
    #[error("this way of signing in needs {0} for this server")]
    Missing(&'static str),
    /// No common way to authenticate.
    #[error("the authorization server allows no way to authenticate that is configured here")]
    NoAuthMethod,
}

/// Which grant is used.
pub(super) fn grant(
    settings: &Settings,
    server: &AuthorizationServer,
) -> Result<Grant, Impossible> {
    let offered = |grant: &str| {
        server
            .grant_types_supported
            .as_ref()
            // RFC 8414: absent means authorization_code and implicit.
            .map_or(grant == "authorization_code", |list| {
                list.iter().any(|known| known == grant)
            })
    };
    let own_name = settings.client_secret.is_some() || settings.client_key.is_some();
    match settings.grant {
        GrantChoice::ClientCredentials if own_name && settings.client_id.is_some() => {
            Ok(Grant::ClientCredentials)
        }
        GrantChoice::ClientCredentials => Err(Impossible::Missing(
            "oauth.client_id and oauth.client_secret",
        )),
        GrantChoice::JwtBearer | GrantChoice::Auto if settings.assertion.is_some() => {
            Ok(Grant::JwtBearer)
        }
        GrantChoice::JwtBearer => Err(Impossible::Missing("oauth.assertion")),
        GrantChoice::Auto if offered("authorization_code") => Ok(Grant::AuthorizationCode),
        GrantChoice::Auto
            if offered("client_credentials") && own_name && settings.client_id.is_some() =>
        {
            Ok(Grant::ClientCredentials)
        }
        GrantChoice::Auto if offered("client_credentials") => Err(Impossible::Missing(
            "oauth.client_id and oauth.client_secret",
        )),
        // Lists of grants are often incomplete; the endpoint decides.
        GrantChoice::Auto | GrantChoice::AuthorizationCode => Ok(Grant::AuthorizationCode),
    }
}

/// Which client this program is. `bound` is the issuer the configured client id was used with
/// before, when it was.
pub(super) fn identity(
    settings: &Settings,
    server: &AuthorizationServer,
    bound: Option<&str>,
) -> Result<Identity, Impossible> {
    if settings.client_id.is_some() {
        let belongs = settings.issuer.as_deref().or(bound);
        return match belongs {
            Some(issuer) if issuer != server.issuer => Err(Impossible::OtherIssuer),
            _ => Ok(Identity::Configured),
        };
    }
    if let Some(document) = &settings.document
        && server.client_id_metadata_document_supported
    {
        return Ok(Identity::Document(document.clone()));
    }
    if server.registration_endpoint.is_some() {
        return Ok(Identity::Registered);
    }
    Err(Impossible::NoClient)
}

/// How a client with these means authenticates.
pub(super) fn auth_method(
    server: &AuthorizationServer,
    secret: bool,
    key: bool,
) -> Result<AuthMethod, Impossible> {
    let list = server.token_endpoint_auth_methods_supported.as_ref();
    let allowed = |method: AuthMethod| match list {
        Some(_) => lists(list, method.name()),
        // RFC 8414: absent means client_secret_basic.
        None => matches!(method, AuthMethod::Basic | AuthMethod::None),
    };
    let usable = [
        (AuthMethod::SignedAssertion, key),
        (AuthMethod::Basic, secret),
        (AuthMethod::Post, secret),
        (AuthMethod::None, true),
    ];
    usable
        .into_iter()
        .find(|(method, possible)| *possible && allowed(*method))
        .map(|(method, _)| method)
        .or(match (key, secret) {
            (false, false) => Some(AuthMethod::None),
            _ => None,
        })
        .ok_or(Impossible::NoAuthMethod)
}

/// How a client that is about to register wants to authenticate: without a secret where that is
/// allowed, for a program on somebody's machine keeps none.
pub(super) fn wished_method(server: &AuthorizationServer) -> AuthMethod {
    let list = server.token_endpoint_auth_methods_supported.as_ref();
    [AuthMethod::None, AuthMethod::Basic, AuthMethod::Post]
        .into_iter()
        .find(|method| lists(list, method.name()))
        .unwrap_or(AuthMethod::None)
}

/// The scopes of a first sign-in: the configured ones, else the challenge's, else all the
/// resource knows. Nothing means that the parameter is left out.
pub(super) fn first_scopes(
    settings: &Settings,
    challenged: &Scopes,
    resource: Option<&Scopes>,
) -> Scopes {
    [Some(&settings.scopes), Some(challenged), resource]
        .into_iter()
        .flatten()
        .find(|scopes| !scopes.is_empty())
        .cloned()
        .unwrap_or_default()
}

/// The scopes asked for: what is wanted, what was asked for before, and a refresh token where
/// the authorization server has a scope for it.
pub(super) fn asked_scopes(
    wanted: &Scopes,
    before: &Scopes,
    grant: Grant,
    server: &AuthorizationServer,
) -> Scopes {
    let mut all = before.clone().union(wanted);
    let offers = server
        .scopes_supported
        .as_ref()
        .is_some_and(|scopes| scopes.contains("offline_access"));
    // Alone it would replace the default scopes of a request without any.
    if offers && grant == Grant::AuthorizationCode && !all.is_empty() {
        all.add("offline_access");
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(change: impl FnOnce(&mut AuthorizationServer)) -> AuthorizationServer {
        let mut server =
            AuthorizationServer::without_metadata(&url::Url::parse("https://as").unwrap());
        server.registration_endpoint = None;
        change(&mut server);
        server
    }

    #[expect(clippy::unnecessary_wraps, reason = "this is what the fields hold")]
    fn names(list: &[&str]) -> Option<Vec<String>> {
        Some(list.iter().map(|name| (*name).to_owned()).collect())
    }

    fn known(secret: bool) -> Settings {
        Settings {
            client_id: Some("id".into()),
            client_secret: secret.then(|| "s".into()),
            ..Settings::default()
        }
    }

    #[test]
    fn the_grant_follows_what_is_offered_and_configured() {
        let offering = |list: &[&str]| server(|server| server.grant_types_supported = names(list));
        let table = [
            (known(false), server(|_| {}), Ok(Grant::AuthorizationCode)),
            (
                known(true),
                offering(&["authorization_code", "client_credentials"]),
                Ok(Grant::AuthorizationCode),
            ),
            (
                known(true),
                offering(&["client_credentials"]),
                Ok(Grant::ClientCredentials),
            ),
            (
                known(false),
                offering(&["client_credentials"]),
                Err(Impossible::Missing(
                    "oauth.client_id and oauth.client_secret",
                )),
            ),
            (
                Settings {
                    grant: GrantChoice::ClientCredentials,
                    ..known(true)
                },
                offering(&["authorization_code", "client_credentials"]),
                Ok(Grant::ClientCredentials),
            ),
            (
                Settings {
                    assertion: Some("jwt".into()),
                    ..Settings::default()
                },
                offering(&["urn:ietf:params:oauth:grant-type:jwt-bearer"]),
                Ok(Grant::JwtBearer),
            ),
            (known(true), offering(&[]), Ok(Grant::AuthorizationCode)),
        ];
        for (settings, server, expected) in table {
            assert_eq!(grant(&settings, &server), expected, "{settings:?}");
        }
    }

    #[test]
    fn clients_are_chosen_in_order_and_keep_to_their_issuer() {
        let all = server(|server| {
            server.client_id_metadata_document_supported = true;
            server.registration_endpoint = Some("https://as/register".into());
        });
        let documented = Settings {
            document: Some("https://us/client.json".into()),
            ..Settings::default()
        };
        let both = Settings {
            document: documented.document.clone(),
            ..known(true)
        };
        let choose = |settings: &Settings, server: &AuthorizationServer, bound| {
            identity(settings, server, bound)
        };
        assert_eq!(choose(&both, &all, None), Ok(Identity::Configured));
        assert_eq!(
            choose(&both, &all, Some("https://as")),
            Ok(Identity::Configured)
        );
        assert_eq!(
            choose(&both, &all, Some("https://former")),
            Err(Impossible::OtherIssuer)
        );
        let pinned = Settings {
            issuer: Some("https://other".into()),
            ..known(true)
        };
        assert_eq!(choose(&pinned, &all, None), Err(Impossible::OtherIssuer));
        assert_eq!(
            choose(&documented, &all, None),
            Ok(Identity::Document("https://us/client.json".into()))
        );
        let registering =
            server(|server| server.registration_endpoint = Some("https://as/register".into()));
        assert_eq!(
            choose(&documented, &registering, None),
            Ok(Identity::Registered)
        );
        assert_eq!(
            choose(&documented, &server(|_| {}), None),
            Err(Impossible::NoClient)
        );
    }

    #[test]
    fn clients_authenticate_as_the_server_allows() {
        let with = |list: Option<Vec<String>>| {
            server(|server| server.token_endpoint_auth_methods_supported = list)
        };
        let table = [
            (None, true, false, Ok(AuthMethod::Basic)),
            (None, false, false, Ok(AuthMethod::None)),
            (names(&["none"]), true, false, Ok(AuthMethod::None)),
            (
                names(&["client_secret_post"]),
                true,
                false,
                Ok(AuthMethod::Post),
            ),
            (
                names(&["client_secret_post", "client_secret_basic"]),
                true,
                false,
                Ok(AuthMethod::Basic),
            ),
            (
                names(&["private_key_jwt"]),
                false,
                true,
                Ok(AuthMethod::SignedAssertion),
            ),
            (
                names(&["private_key_jwt"]),
                true,
                false,
                Err(Impossible::NoAuthMethod),
            ),
            (
                names(&["client_secret_basic"]),
                false,
                false,
                Ok(AuthMethod::None),
            ),
        ];
        for (list, secret, key, expected) in table {
            assert_eq!(
                auth_method(&with(list.clone()), secret, key),
                expected,
                "{list:?}"
            );
        }
        assert_eq!(wished_method(&with(None)), AuthMethod::None);
        assert_eq!(
            wished_method(&with(names(&["client_secret_post", "client_secret_basic"]))),
            AuthMethod::Basic
        );
    }

    #[test]
    fn scopes_come_from_the_first_who_says_some() {
        let (one, two, three) = (Scopes::parse("1"), Scopes::parse("2"), Scopes::parse("3"));
        let configured = Settings {
            scopes: one.clone(),
            ..Settings::default()
        };
        assert_eq!(first_scopes(&configured, &two, Some(&three)), one);
        let nothing = Settings::default();
        assert_eq!(first_scopes(&nothing, &two, Some(&three)), two);
        assert_eq!(
            first_scopes(&nothing, &Scopes::default(), Some(&three)),
            three
        );
        assert!(first_scopes(&nothing, &Scopes::default(), None).is_empty());
    }

    #[test]
    fn what_was_asked_before_is_asked_again_and_a_refresh_token_where_it_is_offered() {
        let offers = server(|server| {
            server.scopes_supported = Some(Scopes::parse("a offline_access"));
        });
        let ask = |wanted: &str, before: &str, grant, server: &AuthorizationServer| {
            asked_scopes(
                &Scopes::parse(wanted),
                &Scopes::parse(before),
                grant,
                server,
            )
            .to_string()
        };
        let code = Grant::AuthorizationCode;
        assert_eq!(ask("write", "read", code, &server(|_| {})), "read write");
        assert_eq!(ask("a", "", code, &offers), "a offline_access");
        assert_eq!(ask("", "", code, &offers), "");
        assert_eq!(ask("a", "", Grant::ClientCredentials, &offers), "a");
    }
}
