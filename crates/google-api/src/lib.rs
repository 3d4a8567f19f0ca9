//! One way to call Google: requests built from method ids, one send loop, pages, uploads,
//! downloads and token sources.
//!
//! Knows nothing of tools, users' rights or credential stores. Invariant: every request to Google
//! made by the server passes through [`Call`], whatever it does.

mod call;
mod client;
mod error;
mod hosts;
mod media;
mod tokens;

pub use call::{Call, Idempotency};
pub use client::{Client, Google, GoogleConfig};
pub use error::{ApiError, Reason};
pub use hosts::Hosts;
pub use media::{Download, Media, Range};
pub use tokens::{AccessToken, StaticToken, TokenError, TokenSource};
