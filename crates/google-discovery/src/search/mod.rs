//! head
use crate::method::Method;

/// One method that fits a search.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// The method.
    pub method: &'static Method,
    /// How well it fits; only comparable within one answer.
    pub score: u32,
}
pub(crate) fn search(_words: &str, _limit: usize) -> Vec<Found> {
    Vec::new()
}
