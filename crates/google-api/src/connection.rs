//! The one factory of HTTP clients for Google.
//!
//! TLS is rustls with ring and the system's certificates, HTTP/2 where the other side offers it.
//! Invariant: no redirect is followed here; downloads follow them by hand, to Google's own hosts
//! only. Plain HTTP is possible only when [`Hosts`] says that Google is behind a plain address.

use std::{sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore, crypto::ring};

use crate::Hosts;

/// What Google sees as the name of this program. "gzip" in it is Google's condition for
/// compressed answers.
pub(crate) const USER_AGENT: &str = concat!("workspace-mcp/", env!("CARGO_PKG_VERSION"), " (gzip)");

/// The value of `x-goog-api-client`.
pub(crate) const API_CLIENT: &str = concat!(
    "gl-rust/",
    env!("CARGO_PKG_RUST_VERSION"),
    " gdcl/",
    env!("CARGO_PKG_VERSION")
);

/// No HTTP client can be made here.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot prepare TLS connections to Google; install the system's certificate authorities \
     (Debian: ca-certificates) or set SSL_CERT_FILE"
)]
pub struct HttpClientError(#[source] reqwest::Error);

/// A client for Google's APIs and its token endpoint.
pub fn http_client(hosts: &Hosts) -> Result<reqwest::Client, HttpClientError> {
    let builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .gzip(true)
        .connect_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_mins(1))
        .pool_idle_timeout(Duration::from_secs(90))
        .http2_adaptive_window(true)
        .http2_keep_alive_interval(Duration::from_secs(30))
        .http2_keep_alive_timeout(Duration::from_secs(10));
    let builder = if hosts.plain() {
        // No TLS will happen, so the system's certificates need not be read; a proxy between
        // this machine and its own loopback address makes no sense either.
        builder
            .no_proxy()
            .tls_backend_preconfigured(without_authorities())
    } else {
        // reqwest asks for the process's provider; whoever installed one first keeps it.
        let _ = ring::default_provider().install_default();
        builder.https_only(true)
    };
    builder.build().map_err(HttpClientError)
}

fn without_authorities() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports the default TLS versions")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[tokio::test]
    async fn plain_http_is_refused_towards_google_itself() {
        let client = http_client(&Hosts::google()).unwrap();
        let refused = client.get("http://127.0.0.1:9/").send().await.unwrap_err();
        assert!(refused.is_builder(), "{refused:?}");
    }

    #[test]
    fn a_client_for_a_loopback_base_needs_no_certificates() {
        let base = Url::parse("http://127.0.0.1:9").unwrap();
        assert!(http_client(&Hosts::behind(base)).is_ok());
    }
}
