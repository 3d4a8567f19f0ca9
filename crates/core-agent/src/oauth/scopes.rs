//! Sets of OAuth scopes (RFC 6749 3.3), in the order they were asked for.
//!
//! Invariant: a scope is 1 to 256 of the characters the RFC allows, and there are at most 256.

use std::fmt;

use serde::{Deserialize, Serialize};

const LONGEST: usize = 256;
const MOST: usize = 256;

/// A set of scopes.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct Scopes(Vec<String>);

impl Scopes {
    /// Reads scopes separated by blanks; what cannot be one is left out.
    pub fn parse(text: &str) -> Self {
        text.split(' ').collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `scope` is among them.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|known| known == scope)
    }

    /// Whether all of `other` are among them.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|scope| self.contains(scope))
    }

    /// These and, after them, those of `other` that are new.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        for scope in &other.0 {
            self.add(scope);
        }
        self
    }

    /// Adds one, when it can be a scope and there is room.
    pub fn add(&mut self, scope: &str) {
        let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        let good = (1..=LONGEST).contains(&scope.len()) && scope.bytes().all(allowed);
        if good && self.0.len() < MOST && !self.contains(scope) {
            self.0.push(scope.to_owned());
        }
    }

    /// The scopes one by one.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<S: AsRef<str>> FromIterator<S> for Scopes {
    fn from_iter<I: IntoIterator<Item = S>>(scopes: I) -> Self {
        let mut set = Self::default();
        for scope in scopes {
            set.add(scope.as_ref());
        }
        set
    }
}

impl From<Vec<String>> for Scopes {
    fn from(scopes: Vec<String>) -> Self {
        scopes.into_iter().collect()
    }
}

impl From<Scopes> for Vec<String> {
    fn from(scopes: Scopes) -> Self {
        scopes.0
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unions_keep_the_order_and_nothing_twice() {
        let one = Scopes::parse("b a  b");
        let both = one.clone().union(&Scopes::parse("c a"));
        assert_eq!(both.to_string(), "b a c");
        assert!(both.covers(&one) && !one.covers(&both));
    }

    #[test]
    fn what_cannot_be_a_scope_is_left_out() {
        assert_eq!(Scopes::parse("a\"b c\\d e\nf ü ok").to_string(), "ok");
        assert!(Scopes::parse(&"x".repeat(257)).is_empty());
        let many: Scopes = (0..1000).map(|number| number.to_string()).collect();
        assert_eq!(many.iter().count(), MOST);
    }
}
