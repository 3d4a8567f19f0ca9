//! The crate through its front door, against a server on loopback that follows a script.
//!
//! One binary, so that all of it is linked once.

#![expect(
    clippy::unwrap_used,
    reason = "a test that panics is a test that failed"
)]

mod downloads;
mod google;
mod oauth;
mod outage;
mod pages;
mod sandbox;
mod sending;
mod service_account;
mod uploads;
