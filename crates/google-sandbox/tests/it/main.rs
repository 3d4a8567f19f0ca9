//! The sandbox through its door: real sockets, a plain HTTP client.

mod door;
mod gmail;
mod sign_in;
mod support;
