//! Google Workspace in one process.

mod calendar;
mod call;
mod drive;
mod error;
mod gmail;
mod oauth;
mod page;
mod registry;
mod world;

pub use world::{Contents, User, demo_users};
