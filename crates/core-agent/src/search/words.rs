//! Words: names split into them, their plain forms, and everyday words that mean the same.
//!
//! Invariant: everything here is decided by the lists beside this file; nothing is learned.

use std::{collections::HashSet, sync::LazyLock};

/// The words of a name: `snake_case`, `kebab-case`, `camelCase`, `HTTPServer2`.
pub(crate) fn split(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let characters: Vec<char> = name.chars().take(256).collect();
    for (at, &character) in characters.iter().enumerate() {
        if !character.is_alphanumeric() {
            words.push(std::mem::take(&mut word));
            continue;
        }
        let before = at.checked_sub(1).and_then(|at| characters.get(at));
        let after = characters.get(at + 1);
        let begins = character.is_uppercase()
            && (before.is_some_and(|before| before.is_lowercase() || before.is_numeric())
                || (before.is_some_and(|before| before.is_uppercase())
                    && after.is_some_and(|after| after.is_lowercase())));
        if begins {
            words.push(std::mem::take(&mut word));
        }
        word.extend(character.to_lowercase());
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// The words of a text, lower-case.
pub(crate) fn of_text(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// The plain form of a word, near enough to find it in a list: `emails`, `creating`, `copied`.
pub(crate) fn plain(word: &str) -> String {
    let stem = |end: &str, least: usize| {
        word.strip_suffix(end)
            .filter(|stem| stem.chars().count() >= least)
    };
    if let Some(stem) = stem("ies", 2).or_else(|| stem("ied", 2)) {
        return format!("{stem}y");
    }
    if let Some(stem) = ["sses", "shes", "ches", "xes"]
        .iter()
        .find_map(|end| word.ends_with(end).then(|| stem("es", 2)).flatten())
    {
        return stem.to_owned();
    }
    for end in ["ing", "ed"] {
        if let Some(stem) = stem(end, 3) {
            let mut last = stem.chars().rev();
            let (last, before) = (last.next(), last.next());
            let doubled = last == before && !matches!(last, Some('l' | 's' | 'z'));
            return match (doubled, last) {
                (true, _) => stem.chars().take(stem.chars().count() - 1).collect(),
                // `create`, `change`, `update`, `share`: the dropped `e`.
                (_, Some('t' | 'g' | 'v' | 'c' | 'r' | 's' | 'z')) if needs_e(stem) => {
                    format!("{stem}e")
                }
                _ => stem.to_owned(),
            };
        }
    }
    if !word.ends_with("ss")
        && !word.ends_with("us")
        && !word.ends_with("is")
        && let Some(stem) = stem("s", 2)
    {
        return stem.to_owned();
    }
    word.to_owned()
}

fn needs_e(stem: &str) -> bool {
    [
        "at", "ut", "et", "it", "ng", "rg", "dg", "ag", "v", "c", "ar", "or", "ir", "ur", "us",
        "as", "os", "is", "iz", "rs",
    ]
    .iter()
    .any(|end| stem.ends_with(end))
        && ![
            "edit", "visit", "submit", "post", "list", "test", "set", "get", "put", "format",
            "exit", "limit", "commit", "repeat", "treat", "chat", "audit", "deposit",
        ]
        .contains(&stem)
}

/// Words of a request that say nothing about the tool.
pub(crate) fn says_nothing(word: &str) -> bool {
    NOTHING.contains(word)
}

/// Words that mean the same as this one, itself not among them.
pub(crate) fn same(word: &str) -> Vec<&'static str> {
    let plain = plain(word);
    let mut found: Vec<&'static str> = Vec::new();
    for group in SAME.iter() {
        if group.iter().any(|known| *known == word || *known == plain) {
            found.extend(
                group
                    .iter()
                    .filter(|known| **known != word && **known != plain),
            );
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Words of requests that say nothing about a tool.
static NOTHING: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("nothing.txt").split_whitespace().collect());

/// Words that people use for the same thing, a group a line.
static SAME: LazyLock<Vec<Vec<&str>>> = LazyLock::new(|| {
    include_str!("same.txt")
        .lines()
        .map(|group| group.split_whitespace().collect())
        .collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_into_words() {
        for (name, words) in [
            ("create_pull_request", "create pull request"),
            ("getHTTPServer2Status", "get http server2 status"),
            ("list-mail-folders", "list mail folders"),
            ("API-post-page", "api post page"),
            ("__x__", "x"),
        ] {
            assert_eq!(split(name).join(" "), words, "{name}");
        }
    }

    #[test]
    fn plain_forms_are_found() {
        for (word, form) in [
            ("emails", "email"),
            ("directories", "directory"),
            ("copied", "copy"),
            ("creating", "create"),
            ("changed", "change"),
            ("running", "run"),
            ("searches", "search"),
            ("editing", "edit"),
            ("address", "address"),
            ("status", "status"),
            ("sent", "sent"),
        ] {
            assert_eq!(plain(word), form, "{word}");
        }
    }

    #[test]
    fn lists_are_in_order() {
        assert!(SAME.iter().all(|group| group.len() > 1));
        assert!(says_nothing("please") && !says_nothing("email"));
        assert!(same("emails").contains(&"mail") && same("folder").contains(&"directory"));
        assert!(!same("email").contains(&"email"));
    }
}
