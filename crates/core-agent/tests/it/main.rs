//! All tests of the program from outside, in one binary.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(
    clippy::print_stdout,
    reason = "tests that measure say what they measured"
)]

mod approved_late;
mod call;
mod catalogue;
mod check;
mod configuration;
mod containment;
mod definitions;
mod eras;
mod faults;
mod hostile;
mod hub;
mod hub_news;
mod hub_own;
mod hub_words;
mod keeper;
mod login;
mod malicious;
mod orphans;
mod search;
mod served;
mod sign_in;
mod stdio;
mod stranger;
mod trust;
mod upstream;
mod zoo;
