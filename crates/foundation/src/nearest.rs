//! "Did you mean …?" for names that are not known.

/// The candidate that looks most like `wanted`, if any looks alike at all.
///
/// Letter case and the separators `_`, `-`, `.` and blank do not count as differences.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = folded(wanted);
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&wanted, &folded(candidate)), candidate))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|one, two| one.0.total_cmp(&two.0))
        .map(|(_, candidate)| candidate)
}

fn folded(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-' | '.' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_slip_of_the_pen_and_nothing_far_off() {
        let known = ["maxResults", "pageToken", "labelIds", "q"];
        assert_eq!(nearest("max_results", known), Some("maxResults"));
        assert_eq!(nearest("pageTokn", known), Some("pageToken"));
        assert_eq!(nearest("zebra", known), None);
    }
}
