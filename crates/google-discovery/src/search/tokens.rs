//! Words out of names and sentences.
//!
//! Not a stemmer: plurals lose their end and nothing else happens. Invariant: a name and a
//! question about it come out as the same words.

/// The words of a sentence, lower-case and singular.
pub(super) fn of_text(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .flat_map(of_name)
        .collect()
}

/// The words of a name: `calendarList` is `calendar` and `list`.
pub(super) fn of_name(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut after_small = false;
    for character in name.chars().take(200) {
        if character.is_uppercase() && after_small {
            words.push(singular(&std::mem::take(&mut word)));
        }
        after_small = character.is_lowercase() || character.is_numeric();
        word.extend(character.to_lowercase());
    }
    if !word.is_empty() {
        words.push(singular(&word));
    }
    words
}

fn singular(word: &str) -> String {
    /// Words that end in s and name one thing.
    const NO_PLURAL: &[&str] = &["access", "address", "alias", "business", "status"];
    if word.len() <= 3 || NO_PLURAL.contains(&word) {
        return word.to_owned();
    }
    if let Some(stem) = word.strip_suffix("es")
        && (NO_PLURAL.contains(&stem) || ["x", "ch", "sh"].iter().any(|end| stem.ends_with(end)))
    {
        return stem.to_owned();
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    match word.strip_suffix('s') {
        Some(stem) if !stem.ends_with('s') => stem.to_owned(),
        _ => word.to_owned(),
    }
}
