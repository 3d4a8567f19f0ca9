//! The shell from the outside: real sockets, a real server, a program made for the purpose.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod ask;
mod edges;
mod end;
mod era;
mod fuzz;
mod limits;
mod paths;
mod program;
mod raw;
mod sessions;
