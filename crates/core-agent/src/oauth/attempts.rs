//! How often signing in has been tried for one operation, and for one set of scopes.
//!
//! Invariant: a server that refuses every token is signed in to three times and then left alone
//! for a while, whatever it asks for and under however many names.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

/// Sign-ins for one thing, the first included.
const MOST: u32 = 3;
/// After this long it is tried again.
const FORGET_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// Things remembered; a server that makes up more is refused all.
const MOST_THINGS: usize = 512;

/// The attempts at one server for one person.
#[derive(Debug, Default)]
pub(super) struct Attempts(HashMap<String, (u32, Timestamp)>);

impl Attempts {
    /// How often it was tried for this operation.
    pub(super) fn of(&self, operation: &str) -> u32 {
        self.0
            .get(&operation_key(operation))
            .map_or(0, |(count, _)| *count)
    }

    /// Counts an attempt for `operation` that asks for `scopes`; whether it may be made.
    pub(super) fn count(&mut self, operation: &str, scopes: &str, now: Timestamp) -> bool {
        self.0
            .retain(|_, (_, first)| now.duration_since(*first) < FORGET_AFTER);
        let keys = [operation_key(operation), format!("scopes {scopes}")];
        let room = self.0.len() + keys.len() <= MOST_THINGS;
        let left = keys
            .iter()
            .all(|key| self.0.get(key).map_or(room, |(count, _)| *count < MOST));
        if left {
            for key in keys {
                self.0.entry(key).or_insert((0, now)).0 += 1;
            }
        }
        left
    }

    /// A person has signed in: everything may be tried again.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

fn operation_key(operation: &str) -> String {
    format!("operation {operation}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn three_times_and_again_after_a_while() {
        let mut attempts = Attempts::default();
        for number in 0..3 {
            assert_eq!(attempts.of("call"), number);
            assert!(attempts.count("call", &number.to_string(), at(0)));
        }
        assert!(!attempts.count("call", "new", at(599)));
        assert!(attempts.count("other", "new", at(599)));
        assert!(attempts.count("call", "new", at(600)));
    }

    #[test]
    fn other_names_for_the_same_scopes_do_not_help() {
        let mut attempts = Attempts::default();
        for operation in ["a", "b", "c"] {
            assert!(attempts.count(operation, "admin", at(0)));
        }
        assert!(!attempts.count("d", "admin", at(0)));
    }

    #[test]
    fn endless_names_end() {
        let mut attempts = Attempts::default();
        let made = (0..10_000)
            .filter(|number| attempts.count(&format!("o{number}"), &format!("s{number}"), at(0)))
            .count();
        assert_eq!(made, MOST_THINGS / 2);
    }
}
