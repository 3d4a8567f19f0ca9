//! All tests of the program from outside, in one binary.

mod catalogue;
mod containment;
mod definitions;
mod keeper;
mod malicious;
mod orphans;
mod search;
mod sign_in;
mod stdio;
mod stranger;
mod trust;
mod upstream;
mod zoo;
