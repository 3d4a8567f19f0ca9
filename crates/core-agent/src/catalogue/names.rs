//! The hub's names of tools and prompts.
//!
//! `server__tool`, or `prefix__tool`, or the bare name when the prefix is empty. What does not fit
//! (characters, 64 bytes) is cut and ends in a hash of the full name.
//! Invariant: no two names are equal, and a server's own names depend on nothing but the server
//! and its configuration. A configured prefix that would make two names equal, or take a name away
//! from another server, is not used for that name: nobody can put a tool in another's place by
//! choosing a name.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
};

use sha2::{Digest, Sha256};

use crate::{ServerName, hex::hex};

/// The longest name clients take.
pub(super) const LONGEST: usize = 64;
/// Hexadecimal digits of a hash at the end of a name.
const HASH: usize = 10;
const GLUE: &str = "__";

/// The names something may get, by its server and the configuration alone.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    /// The one nobody can take away.
    standard: String,
    /// The one with the configured prefix, where it is another.
    prefixed: Option<String>,
}

impl Wish {
    /// For what a server calls `own`, with the server's configured prefix.
    pub(super) fn new(server: &ServerName, prefix: Option<&str>, own: &str) -> Self {
        let standard = name(server.as_str(), own);
        let prefixed = prefix.map(|prefix| name(prefix, own));
        Self {
            prefixed: prefixed.filter(|prefixed| *prefixed != standard),
            standard,
        }
    }

    /// The name it gets when nobody else has to do with it.
    pub(super) fn usual(&self) -> &str {
        self.prefixed.as_deref().unwrap_or(&self.standard)
    }
}

/// Something that gets a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<'a> {
    pub(super) server: &'a ServerName,
    /// Its own name at its server, where no other has the same.
    pub(super) own: &'a str,
    pub(super) wish: &'a Wish,
}

/// Places of claims with the same name, which is nearly always one.
struct Places {
    first: usize,
    others: Vec<usize>,
}

impl Places {
    fn all(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }
}

/// The places of each name.
fn places<'a>(names: impl Iterator<Item = (usize, &'a str)>) -> HashMap<&'a str, Places> {
    let mut places: HashMap<&str, Places> = HashMap::with_capacity(names.size_hint().0);
    for (at, name) in names {
        let others = Vec::new();
        places
            .entry(name)
            .and_modify(|places| places.others.push(at))
            .or_insert(Places { first: at, others });
    }
    places
}

/// The names, in the order of the claims, and what could not be named as configured.
pub(super) fn names<'a>(claims: &[Claim<'a>]) -> (Vec<Cow<'a, str>>, Vec<String>) {
    let wanted = claims.iter().enumerate().flat_map(|(at, claim)| {
        let wish = claim.wish;
        let names = std::iter::once(&wish.standard).chain(&wish.prefixed);
        names.map(move |name| (at, name.as_str()))
    });
    let owners = places(wanted);
    let mut notes = BTreeSet::new();
    let mut names: Vec<Cow<'a, str>> = Vec::with_capacity(claims.len());
    for claim in claims {
        let name = claim.wish.usual();
        let owners = &owners[name];
        if claim.wish.prefixed.is_none() || owners.others.is_empty() {
            names.push(name.into());
            continue;
        }
        let others: BTreeSet<_> = owners.all().map(|at| claims[at].server.as_str()).collect();
        notes.insert(format!(
            "the name {name} is wanted by more than one of {others:?}: each is listed under its server's name; give one another prefix"
        ));
        names.push(claim.wish.standard.as_str().into());
    }
    // Equal names are left only where two hashes are equal, which nothing but malice brings about.
    let chosen = names.iter().map(AsRef::as_ref).enumerate();
    let mut equal = Vec::new();
    for (name, places) in places(chosen) {
        if !places.others.is_empty() {
            notes.insert(format!(
                "the name {name} belongs to {} tools by the same hash: they are listed under longer hashes",
                places.all().count()
            ));
            equal.extend(places.all());
        }
    }
    for at in equal {
        names[at] = full_hash(claims[at].server.as_str(), claims[at].own).into();
    }
    (names, notes.into_iter().collect())
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
        let wanted: Vec<_> = claims
            .iter()
            .zip(&servers)
            .map(|((_, prefix, own), server)| (server, *prefix, *own))
            .collect();
        claimed(&wanted)
    }

    fn claimed(wanted: &[(&ServerName, Option<&str>, &str)]) -> (Vec<String>, Vec<String>) {
        let wishes: Vec<Wish> = wanted
            .iter()
            .map(|(server, prefix, own)| Wish::new(server, *prefix, own))
            .collect();
        let claims: Vec<Claim<'_>> = wanted
            .iter()
            .zip(&wishes)
            .map(|((server, _, own), wish)| Claim { server, own, wish })
            .collect();
        let (names, notes) = names(&claims);
        (names.into_iter().map(Cow::into_owned).collect(), notes)
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
            let wanted: Vec<_> = tools.iter().zip(&servers)
                .map(|((_, own), server)| (server, prefix_of(server), own.as_str()))
                .collect();
            let (all, _) = claimed(&wanted);
            let distinct: BTreeSet<&String> = all.iter().collect();
            prop_assert_eq!(distinct.len(), all.len());
            for name in &all {
                prop_assert!(name.len() <= LONGEST && !name.is_empty());
                prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
            }
            // Without prefixes a name is the same whatever else is there.
            let plain: Vec<_> =
                wanted.iter().map(|(server, _, own)| (*server, None, *own)).collect();
            let (together, _) = claimed(&plain);
            for (at, one) in plain.iter().enumerate() {
                let (alone, _) = claimed(std::slice::from_ref(one));
                prop_assert_eq!(&alone[0], &together[at]);
            }
        }
    }
}
