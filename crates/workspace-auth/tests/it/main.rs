//! The tests of this crate that need more than one of its modules.
