//! The crate through its front door, against a server on loopback that follows a script.
//!
//! One binary, so that all of it is linked once.

mod downloads;
mod google;
mod oauth;
mod pages;
mod sending;
mod service_account;
mod uploads;
