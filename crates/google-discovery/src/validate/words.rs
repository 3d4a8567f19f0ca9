//! How problems are worded.
//!
//! Not where they are found. Invariant: whatever a request holds, a message stays short.

use foundation::nearest;

/// More names than this help nobody.
const LISTED: usize = 40;
const SHORT: usize = 60;

/// The text, or its beginning when it is long.
pub(super) fn short(text: &str) -> String {
    if text.chars().count() <= SHORT {
        return text.to_owned();
    }
    text.chars().take(SHORT).chain(['…']).collect()
}

/// Names with commas between, the first ones when there are many.
pub(super) fn list(names: &[&str]) -> String {
    let shown: Vec<&str> = names.iter().copied().take(LISTED).collect();
    match names.len().saturating_sub(LISTED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

pub(super) fn not_one_of(value: &str, allowed: &[&str]) -> String {
    let allowed_words = list(allowed);
    match closest(value, allowed.iter().copied()) {
        Some(guess) => format!("must be one of {allowed_words}; did you mean `{guess}`?"),
        None => format!("must be one of {allowed_words}"),
    }
}

pub(super) fn unknown_field(name: &str, known: &[&str]) -> String {
    let listed = match known {
        [] => "nothing is known here".to_owned(),
        some => format!("known are {}", list(some)),
    };
    match closest(name, known.iter().copied()) {
        Some(guess) => format!("is unknown; did you mean `{guess}`? {listed}"),
        None => format!("is unknown; {listed}"),
    }
}

/// The candidate that was probably meant. Short names differ too much by one letter for the usual
/// measure, so a single slip counts as well.
pub(super) fn closest<'a>(
    wanted: &str,
    candidates: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    // Comparing costs the product of the lengths.
    let wanted = short(wanted);
    nearest(&wanted, candidates.clone()).or_else(|| {
        candidates
            .filter(|candidate| candidate.len() > 1)
            .find(|candidate| strsim::damerau_levenshtein(&wanted, candidate) == 1)
    })
}
