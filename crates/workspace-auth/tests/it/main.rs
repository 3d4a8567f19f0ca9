//! The tests of this crate that need more than one of its modules, in one binary.
#![expect(
    clippy::print_stdout,
    reason = "the figures that are measured are shown"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod accounts;
mod contract;
mod crash;
mod endpoint;
mod files;
mod full_disk;
mod history;
mod logs;
mod outage;
mod refresh;
mod s3_contract;
mod sign_in;
mod world;
