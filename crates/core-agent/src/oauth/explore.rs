//! Finding out whom to sign in with: asks for the metadata in the order [`super::discovery`] says.
//!
//! Invariant: a document that is there and wrong ends the search; only one that is not there
//! leads to the next place.

use url::Url;

use super::{
    SignInError,
    discovery::{
        AuthorizationServer, ProtectedResource, canonical_resource, issuer_places, read_issuer,
        read_resource, resource_places,
    },
    fetch::Fetcher,
    guard::flow_url,
    scopes::Scopes,
};

/// What is known of the way in.
#[derive(Clone, Debug)]
pub(super) struct WayIn {
    /// The server as authorization servers know it, letter by letter.
    pub resource: String,
    /// The scopes the server knows.
    pub scopes: Option<Scopes>,
    /// Who makes its tokens.
    pub server: AuthorizationServer,
    /// Whether anything was published at all.
    pub published: bool,
}

/// Finds the way in to `server`. `pointed` is where its challenge says that its metadata is;
/// of several issuers one of `preferred` is taken when it is there.
pub(super) async fn way_in(
    fetcher: &Fetcher,
    server: &Url,
    pointed: Option<&str>,
    preferred: &[&str],
) -> Result<WayIn, SignInError> {
    if let Some(resource) = protected_resource(fetcher, server, pointed).await? {
        let issuer = preferred
            .iter()
            .find(|wanted| resource.issuers.iter().any(|issuer| issuer == *wanted))
            .map_or(resource.issuers.first().map(String::as_str), |wanted| {
                Some(*wanted)
            })
            .unwrap_or_default();
        let url = flow_url("the issuer", issuer, fetcher.reach_of(issuer))?;
        let found = authorization_server(fetcher, &url, &[issuer]).await?;
        return Ok(WayIn {
            server: found.ok_or(SignInError::NoMetadata)?,
            resource: resource.resource,
            scopes: resource.scopes,
            published: true,
        });
    }
    // Servers of the protocol's first revision with authorization are their own.
    let origin = server.origin().ascii_serialization();
    let url = flow_url("the server's address", &origin, fetcher.reach_of(&origin))?;
    let with_slash = format!("{origin}/");
    let found = authorization_server(fetcher, &url, &[&origin, &with_slash]).await?;
    Ok(WayIn {
        published: found.is_some(),
        server: found.unwrap_or_else(|| AuthorizationServer::without_metadata(server)),
        resource: canonical_resource(server),
        scopes: None,
    })
}

async fn protected_resource(
    fetcher: &Fetcher,
    server: &Url,
    pointed: Option<&str>,
) -> Result<Option<ProtectedResource>, SignInError> {
    let places: Vec<String> = match pointed {
        Some(place) => vec![place.to_owned()],
        None => resource_places(server)
            .into_iter()
            .map(String::from)
            .collect(),
    };
    for place in places {
        let answer = fetcher
            .get("the protected resource metadata", &place)
            .await?;
        match answer.json {
            Some(json) if answer.status.is_success() => {
                return Ok(Some(read_resource(&json, server)?));
            }
            _ if answer.status.is_server_error() => {
                return Err(SignInError::Later("the protected resource metadata"));
            }
            _ => {}
        }
    }
    match pointed {
        Some(_) => Err(SignInError::NoMetadata),
        None => Ok(None),
    }
}

async fn authorization_server(
    fetcher: &Fetcher,
    url: &Url,
    issuers: &[&str],
) -> Result<Option<AuthorizationServer>, SignInError> {
    for place in issuer_places(url)? {
        let answer = fetcher
            .get("the authorization server metadata", place.as_str())
            .await?;
        match answer.json {
            Some(json) if answer.status.is_success() => {
                return Ok(Some(read_issuer(&json, issuers)?));
            }
            _ if answer.status.is_server_error() => {
                return Err(SignInError::Later("the authorization server metadata"));
            }
            _ => {}
        }
    }
    Ok(None)
}
