//! One way to call Google: requests built from method ids, one send loop, pages, uploads,
//! downloads and token sources.
//!
//! Knows nothing of tools, users' rights or credential stores. Invariant: every request to Google
//! made by the server passes through [`Call`] or [`OAuthClient`], whatever it does.
//!
//! ```
//! # async fn example(client: google_api::Client) -> Result<(), google_api::ApiError> {
//! let labels = client
//!     .call("gmail.users.labels.list")
//!     .param("userId", "me")
//!     .fields("labels(id,name)")
//!     .send()
//!     .await?;
//! # Ok(())
//! # }
//! ```

mod answer;
mod backoff;
mod breaker;
mod budget;
mod call;
mod client;
mod connection;
mod download;
mod error;
mod explain;
mod failed;
mod hosts;
mod limiter;
mod media;
mod oauth;
mod observe;
mod pages;
mod parallel;
mod quota;
mod request;
mod send;
mod service_account;
mod tokens;
mod upload;

pub use call::{Call, Idempotency};
pub use client::{Client, Google, GoogleConfig};
pub use connection::{HttpClientError, http_client};
pub use error::{ApiError, Reason};
pub use hosts::Hosts;
pub use media::{Download, Downloaded, Media, MediaStream, Range};
pub use oauth::{
    AUTHORIZE_URL, GrantProblem, OAuthClient, OAuthError, REVOKE_URL, TOKEN_INFO_URL, TOKEN_URL,
    TokenAnswer, TokenInfo, USER_INFO_URL, UserInfo,
};
pub use observe::{CallRecord, Observer};
pub use parallel::{join_bounded, try_join_bounded};
pub use service_account::{KeyError, ServiceAccount, ServiceAccountKey};
pub use tokens::{AccessToken, StaticToken, TokenError, TokenSource};
