//! Which scopes to ask for, so that the offered tools can work and no more.
//!
//! A method's scopes are alternatives. For each service there is a short list of what to ask for,
//! narrowest first; the first that satisfies a method is taken. Invariant: no scope is asked for
//! that no offered tool needs.

use std::collections::BTreeSet;

use google_discovery::catalogue;

use crate::{Meta, Service};

/// What may be asked for, the narrowest first.
const PREFERRED: &[&str] = &[
    "https://www.googleapis.com/auth/gmail.readonly",
    "https://www.googleapis.com/auth/gmail.modify",
    "https://mail.google.com/",
    "https://www.googleapis.com/auth/drive.readonly",
    "https://www.googleapis.com/auth/drive",
    "https://www.googleapis.com/auth/calendar.readonly",
    "https://www.googleapis.com/auth/calendar",
];

/// The scopes that the tools `offered` need on a server with these services. What a tool does with
/// another service, such as attaching a file from Drive, it does only where that one is offered.
pub(crate) fn needed(
    offered: impl Iterator<Item = &'static Meta>,
    services: &[Service],
) -> Vec<String> {
    let alternatives: Vec<&[&str]> = offered
        .flat_map(|meta| meta.methods)
        .filter(|id| {
            let api = id.split('.').next().and_then(Service::named);
            api.is_none_or(|service| services.contains(&service))
        })
        .filter_map(|id| catalogue().method(id).ok())
        .map(|method| method.scopes.as_slice())
        .collect();
    let mut chosen = BTreeSet::new();
    // Methods with the fewest acceptable scopes decide first: what they need often suffices for
    // the others, so that a server that may write does not ask for reading as well.
    let mut open: Vec<Vec<&str>> = alternatives
        .iter()
        .map(|scopes| {
            PREFERRED
                .iter()
                .copied()
                .filter(|wanted| scopes.contains(wanted))
                .collect()
        })
        .collect();
    open.sort_by_key(Vec::len);
    for acceptable in open {
        let satisfied = acceptable.iter().any(|scope| chosen.contains(*scope));
        if let (false, Some(first)) = (satisfied, acceptable.first()) {
            chosen.insert((*first).to_owned());
        }
    }
    chosen.into_iter().collect()
}
