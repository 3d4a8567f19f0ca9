//! Words of servers as people and models may see them: without what is there but not seen.
//!
//! Invariant: what is taken away carries no meaning a reader could have seen.

use std::borrow::Cow;

/// Whether a character is there without being seen, or turns the order of writing.
pub(crate) fn unseen(character: char) -> bool {
    matches!(character,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || (character.is_control() && !matches!(character, '\n' | '\t' | '\r'))
}

/// The text without characters nobody sees. Those that join or colour emoji stay.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(unseen) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut before = None;
    let mut ahead = text.chars().peekable();
    while let Some(character) = ahead.next() {
        let joins = matches!(character, '\u{200d}' | '\u{fe0f}')
            && before.is_some_and(|before: char| !before.is_ascii() && !unseen(before))
            && (character == '\u{fe0f}' || ahead.peek().is_some_and(|next| !next.is_ascii()));
        if !unseen(character) || joins {
            kept.push(character);
        }
        before = Some(character);
    }
    Cow::Owned(kept)
}

/// The text, or its beginning when it is longer than `most` characters.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}
