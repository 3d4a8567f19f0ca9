//! Method ids that look like a mistaken one.
//!
//! Not a search by meaning: that is `search`. Invariant: suggestions are ids that exist.

use crate::{api::SOURCES, catalogue::catalogue};

const AT_MOST: usize = 3;

/// The ids most like `wanted`, most alike first; none when nothing is alike.
pub(crate) fn method_ids(wanted: &str) -> Vec<&'static str> {
    let prefix = wanted.split('.').next().unwrap_or(wanted);
    let own_api = SOURCES
        .iter()
        .find(|source| source.name == prefix || source.prefixes.contains(&prefix))
        .and_then(|source| catalogue().api(source.name));
    let mut scored: Vec<(f64, &'static str)> = match own_api {
        Some(api) => score(wanted, api.methods.keys().copied()),
        None => score(wanted, catalogue().methods().map(|method| method.id)),
    };
    scored.sort_by(|one, two| two.0.total_cmp(&one.0).then(one.1.cmp(two.1)));
    scored.into_iter().take(AT_MOST).map(|(_, id)| id).collect()
}

fn score(wanted: &str, ids: impl Iterator<Item = &'static str>) -> Vec<(f64, &'static str)> {
    // Comparing costs the product of the lengths; nobody mistypes an id into a page of text.
    let wanted: String = wanted
        .chars()
        .take(120)
        .flat_map(char::to_lowercase)
        .collect();
    let parts: Vec<&str> = wanted.split('.').collect();
    ids.map(|id| {
        let folded = id.to_lowercase();
        let alike = strsim::normalized_damerau_levenshtein(&wanted, &folded);
        let shared = folded
            .split('.')
            .filter(|part| parts.contains(part))
            .count();
        let whole = folded.split('.').count().max(parts.len());
        // Floats of counts below a dozen are exact.
        (
            alike
                + f64::from(u8::try_from(shared).unwrap_or(0))
                    / f64::from(u8::try_from(whole).unwrap_or(u8::MAX)),
            id,
        )
    })
    .filter(|(score, _)| *score >= 0.7)
    .collect()
}
