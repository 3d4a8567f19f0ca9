//! Everything the sandbox knows: users, sign-in state and each API's data.
//!
//! Not synchronised: the server keeps the one world behind a lock. Invariant: a world is plain
//! data, so that it can be written to a file and read back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{calendar, drive, gmail, oauth, registry};

/// The whole state.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct World {
    /// The accounts, the primary demo user first.
    pub(crate) users: Vec<User>,
    /// Repeatable chance for ids, tokens and demo data.
    pub(crate) chance: Chance,
    pub(crate) oauth: oauth::State,
    pub(crate) gmail: gmail::State,
    pub(crate) drive: drive::State,
    pub(crate) calendar: calendar::State,
}

/// One Google account.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct User {
    /// The address, in lower case.
    pub email: String,
    /// The name shown to others.
    pub name: String,
    /// The permanent account id (`sub`): 21 digits.
    pub sub: String,
}

impl User {
    /// An account; its permanent id follows from the address.
    pub fn new(email: &str, name: &str) -> Self {
        let email = email.to_ascii_lowercase();
        let number = crate::page::fingerprint(email.as_bytes());
        Self {
            sub: format!("1{number:020}"),
            name: name.to_owned(),
            email,
        }
    }

    /// The address's domain, as in the `hd` claim.
    pub fn domain(&self) -> &str {
        self.email.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// The first and the last name.
    pub fn given_and_family(&self) -> (&str, &str) {
        self.name.rsplit_once(' ').unwrap_or((&self.name, ""))
    }
}

/// The two accounts of the demo.
pub fn demo_users() -> Vec<User> {
    vec![
        User::new("alex@sandbox.example", "Alex Moreau"),
        User::new("sam@sandbox.example", "Sam Okafor"),
    ]
}

impl World {
    /// A world with these users and, if asked for, the demo data of every API.
    pub(crate) fn new(users: Vec<User>, seed: u64, now: Timestamp, contents: Contents) -> Self {
        let mut world = Self {
            users,
            chance: Chance { state: seed },
            oauth: oauth::State::default(),
            gmail: gmail::State::default(),
            drive: drive::State::default(),
            calendar: calendar::State::default(),
        };
        for service in registry::ALL {
            match contents {
                Contents::Demo => (service.seed)(&mut world, now),
                Contents::Empty => (service.open)(&mut world, now),
            }
        }
        world
    }

    /// The account with this address, in any case of letters.
    pub(crate) fn user(&self, email: &str) -> Option<&User> {
        self.users
            .iter()
            .find(|user| user.email.eq_ignore_ascii_case(email))
    }
}

/// What a new world starts with.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Contents {
    /// Believable mail, files and events.
    #[default]
    Demo,
    /// Accounts as new as on their first day.
    Empty,
}

/// Repeatable chance that is part of the state (SplitMix64).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Chance {
    state: u64,
}

impl Chance {
    /// The sequence that belongs to `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    pub(crate) fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % (end.max(1) as u64)).expect("below a usize")
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A number from 0 up to, not including, 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
        let numerator = (self.number() >> 11) as f64;
        numerator / 9_007_199_254_740_992.0
    }

    /// `length` characters of an alphabet.
    pub(crate) fn text(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| *self.pick(&letters)).collect()
    }

    /// `length` letters and digits, as in file ids and tokens.
    pub(crate) fn word(&mut self, length: usize) -> String {
        self.text(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            length,
        )
    }

    /// `length` hexadecimal digits.
    pub(crate) fn hex(&mut self, length: usize) -> String {
        self.text("0123456789abcdef", length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(seed: u64) -> String {
        let now = "2026-05-04T09:00:00Z".parse().expect("a time");
        let world = World::new(demo_users(), seed, now, Contents::Demo);
        serde_json::to_string(&world).expect("a world is plain data")
    }

    #[test]
    fn a_world_follows_from_its_seed_and_time_and_reads_back() {
        let first = written(7);
        assert_eq!(first, written(7));
        assert_ne!(first, written(8));
        let again: World = serde_json::from_str(&first).expect("what was written reads back");
        assert_eq!(serde_json::to_string(&again).expect("plain data"), first);
    }
}
