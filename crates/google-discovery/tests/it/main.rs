//! What the catalogue promises, seen from outside.

mod catalogue;
mod masks;
mod random;
mod requests;
mod routes;
mod search;
mod speed;
mod traps;
mod validation;
