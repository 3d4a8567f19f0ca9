#![doc = include_str!("../README.md")]

mod blob;
mod calendar;
mod call;
pub mod cli;
mod control;
mod door;
mod drive;
mod error;
mod fault;
mod gmail;
mod keys;
mod limit;
mod oauth;
mod page;
mod registry;
mod sandbox;
mod server;
mod shared;
mod world;

pub use fault::{Fault, FaultRule, UnreadableFault};
pub use keys::{SERVICE_ACCOUNT_EMAIL, service_account_key};
pub use oauth::{CLIENT_ID, CLIENT_SECRET};
pub use sandbox::{Builder, Minted, Running, Sandbox, SandboxHandle, StartError};
pub use shared::CallRecord;
pub use world::{Contents, User, demo_users};
