//! The hub's names of tools and prompts.
//!
//! `server__tool`, or `prefix__tool`, or the bare name when the prefix is empty. What does not fit
//! (characters, 64 bytes) is cut and ends in a hash of the full name.
//! Invariant: no two names are equal, and a server's own names depend on nothing but the server
//! and its configuration. A configured prefix that would make two names equal, or take a name away
//! from another server, is not used for that name: nobody can put a tool in another's place by
//! choosing a name.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::{ServerName, trust::hex};

/// The longest name clients take.
pub(super) const LONGEST: usize = 64;
/// Hexadecimal digits of a hash at the end of a name.
const HASH: usize = 10;
const GLUE: &str = "__";

/// Something that gets a name: its server, the server's configured prefix, its own name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<'a> {
    pub(super) server: &'a ServerName,
    pub(super) prefix: Option<&'a str>,
    pub(super) own: &'a str,
}

/// The names, in the order of the claims, and what could not be named as configured.
pub(super) fn names(claims: &[Claim<'_>]) -> (Vec<String>, Vec<String>) {
    let standard: Vec<String> = claims
        .iter()
        .map(|claim| name(claim.server.as_str(), claim.own))
        .collect();
    let mut owners: BTreeMap<String, BTreeSet<(&ServerName, &str)>> = BTreeMap::new();
    let mut wanted = Vec::with_capacity(claims.len());
    for (claim, standard) in claims.iter().zip(&standard) {
        let name = match claim.prefix {
            Some(prefix) => name(prefix, claim.own),
            None => standard.clone(),
        };
        for name in [&name, standard] {
            owners
                .entry(name.clone())
                .or_default()
                .insert((claim.server, claim.own));
        }
        wanted.push(name);
    }
    let mut notes = BTreeSet::new();
    let mut taken = BTreeMap::new();
    for (at, name) in wanted.iter_mut().enumerate() {
        if *name != standard[at] && owners[name.as_str()].len() > 1 {
            let others: BTreeSet<_> = owners[name.as_str()]
                .iter()
                .map(|(server, _)| server.as_str())
                .collect();
            notes.insert(format!(
                "the name {name} is wanted by more than one of {others:?}: each is listed under its server's name; give one another prefix"
            ));
            name.clone_from(&standard[at]);
        }
        taken.entry(name.clone()).or_insert_with(Vec::new).push(at);
    }
    // Equal names are left only where two hashes are equal, which nothing but malice brings about.
    for (name, places) in taken.into_iter().filter(|(_, places)| places.len() > 1) {
        notes.insert(format!(
            "the name {name} belongs to {} tools by the same hash: they are listed under longer hashes",
            places.len()
        ));
        for at in places {
            wanted[at] = full_hash(claims[at].server.as_str(), claims[at].own);
        }
    }
    (wanted, notes.into_iter().collect())
}

/// The name of `own` under `lead`, by these two alone.
fn name(lead: &str, own: &str) -> String {
    let cleaned: String = lead
        .chars()
        .chain(if lead.is_empty() { "" } else { GLUE }.chars())
        .chain(own.chars())
        .map(|character| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => character,
            _ => '_',
        })
        .collect();
    let faithful = cleaned.len() <= LONGEST
        && !own.is_empty()
        && cleaned.chars().eq(lead
            .chars()
            .chain(if lead.is_empty() { "" } else { GLUE }.chars())
            .chain(own.chars()))
        // Otherwise the first glue in the name would not be where the lead ends.
        && !lead.contains(GLUE)
        && !lead.ends_with('_')
        && !looks_hashed(&cleaned);
    if faithful {
        return cleaned;
    }
    let room = LONGEST - HASH - 1;
    let kept: String = cleaned.chars().take(room).collect();
    format!("{kept}_{}", digits(lead, own, HASH))
}

/// A name of nothing but a hash, for equal hashes.
fn full_hash(server: &str, own: &str) -> String {
    let kept: String = server.chars().take(ServerName::LONGEST).collect();
    format!("{}_{}", kept.replace(GLUE, "_"), digits(server, own, 30))
}

fn digits(lead: &str, own: &str, count: usize) -> String {
    let digest = Sha256::digest(format!("{}\0{own}", lead.len()) + "\0" + lead);
    hex(&digest).chars().take(count).collect()
}

fn looks_hashed(name: &str) -> bool {
    name.rsplit_once('_').is_some_and(|(_, end)| {
        (end.len() == HASH || end.len() == 30)
            && end
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn server(name: &str) -> ServerName {
        name.parse().unwrap()
    }

    fn named(claims: &[(&str, Option<&str>, &str)]) -> (Vec<String>, Vec<String>) {
        let servers: Vec<ServerName> = claims.iter().map(|(name, _, _)| server(name)).collect();
        let claims: Vec<Claim<'_>> = claims
            .iter()
            .zip(&servers)
            .map(|((_, prefix, own), server)| Claim {
                server,
                prefix: *prefix,
                own,
            })
            .collect();
        names(&claims)
    }

    #[test]
    fn plain_names_are_put_together() {
        let (names, notes) = named(&[
            ("github", None, "create_issue"),
            ("notes", Some("n"), "add"),
            ("files", Some(""), "read_file"),
        ]);
        assert_eq!(names, ["github__create_issue", "n__add", "read_file"]);
        assert!(notes.is_empty());
    }

    #[test]
    fn what_does_not_fit_ends_in_a_hash() {
        let long = "a".repeat(80);
        let (names, _) = named(&[
            ("s", None, &long),
            ("s", None, "get/issue"),
            ("s", None, "get.issue"),
            ("s", None, ""),
        ]);
        assert!(names.iter().all(|name| name.len() <= LONGEST));
        assert!(names[1].starts_with("s__get_issue_") && names[1] != names[2]);
    }

    #[test]
    fn nobody_takes_the_name_of_another() {
        // `evil` wants the bare name that is the full name of a tool of `bank`.
        let (names, notes) = named(&[("bank", None, "pay"), ("evil", Some(""), "bank__pay")]);
        assert_eq!(names, ["bank__pay", "evil__bank__pay"]);
        assert_eq!(notes.len(), 1);
        // Two want the same bare name: none gets it.
        let (names, _) = named(&[("a", Some(""), "read"), ("b", Some(""), "read")]);
        assert_eq!(names, ["a__read", "b__read"]);
        // A prefix that is another server's name.
        let (names, _) = named(&[("bank", None, "pay"), ("evil", Some("bank"), "pay")]);
        assert_eq!(names, ["bank__pay", "evil__pay"]);
    }

    proptest! {
        #[test]
        fn names_never_collide_and_never_move(
            tools in prop::collection::btree_set(
                ("[ab_][ab_-]{0,3}".prop_filter("a server's name", |name| !name.starts_with('_')),
                 "[ab_./ä]{0,6}|[a_]{55,70}|a_[0-9a-f]{10}"),
                1..24,
            ),
            prefixes in prop::collection::vec(prop::option::of("[ab_]{0,4}"), 24),
        ) {
            let servers: Vec<ServerName> = tools.iter().map(|(name, _)| server(name)).collect();
            let unique: BTreeSet<&ServerName> = servers.iter().collect();
            let prefix_of = |server: &ServerName| {
                let at = unique.iter().position(|name| *name == server).unwrap();
                prefixes[at].as_deref()
            };
            let claims: Vec<Claim<'_>> = tools.iter().zip(&servers).map(|((_, own), server)| Claim {
                server, prefix: prefix_of(server), own,
            }).collect();
            let (all, _) = names(&claims);
            let distinct: BTreeSet<&String> = all.iter().collect();
            prop_assert_eq!(distinct.len(), all.len());
            for name in &all {
                prop_assert!(name.len() <= LONGEST && !name.is_empty());
                prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
            }
            // Without prefixes a name is the same whatever else is there.
            let plain: Vec<Claim<'_>> =
                claims.iter().map(|claim| Claim { prefix: None, ..*claim }).collect();
            let (together, _) = names(&plain);
            for (at, claim) in plain.iter().enumerate() {
                let (alone, _) = names(std::slice::from_ref(claim));
                prop_assert_eq!(&alone[0], &together[at]);
            }
        }
    }
}
