//! Building searches in Drive's own language.
//!
//! Invariant: whatever stands between the quotes of a built query is read back by Drive as exactly
//! the text that was meant.

use crate::ToolError;

/// A text as a quoted literal.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        if c == '\'' || c == '\\' {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('\'');
    quoted
}

/// What people type, as a query: in the content, or at the beginning of a word of the name; never
/// in the trash.
pub(super) fn free_text(text: &str) -> String {
    let literal = quoted(text);
    format!("(fullText contains {literal} or name contains {literal}) and trashed = false")
}

/// What stands for a quoted text in [`outside_quotes`].
const LITERAL: &str = "\u{1}";

/// Whether `text` already is a query in Drive's language: some term of it is complete.
pub(super) fn is_structured(text: &str) -> bool {
    const TEXTS: &[&str] = &[
        "name",
        "fullText",
        "mimeType",
        "visibility",
        "shortcutDetails.targetId",
    ];
    const TIMES: &[&str] = &[
        "modifiedTime",
        "createdTime",
        "viewedByMeTime",
        "sharedWithMeTime",
    ];
    const FLAGS: &[&str] = &["trashed", "starred", "sharedWithMe"];
    const COLLECTIONS: &[&str] = &["parents", "owners", "writers", "readers"];
    if text.trim() == "sharedWithMe" {
        return true;
    }
    let outside = outside_quotes(text);
    let words: Vec<&str> = outside.split_whitespace().collect();
    words.windows(3).any(|three| {
        let [one, operator, other] = three else {
            return false;
        };
        let equality = ["=", "!="].contains(operator);
        let order = equality || ["<", "<=", ">", ">="].contains(operator);
        TEXTS.contains(one) && (equality || *operator == "contains") && *other == LITERAL
            || TIMES.contains(one) && order && *other == LITERAL
            || FLAGS.contains(one) && equality && ["true", "false"].contains(other)
            || ["properties", "appProperties"].contains(one) && *operator == "has" && *other == "{"
            || *one == LITERAL && *operator == "in" && COLLECTIONS.contains(other)
            || *one == "sharedWithMe" && ["and", "or"].contains(operator)
    })
}

/// Whether the query asks for the full text; Drive sorts such results itself.
pub(super) fn asks_full_text(query: &str) -> bool {
    outside_quotes(query).contains("fullText")
}

/// The query with [`LITERAL`] for each quoted text, its signs set apart by blanks.
fn outside_quotes(query: &str) -> String {
    let mut outside = String::new();
    let mut rest = query.chars().peekable();
    let mut inside = false;
    while let Some(c) = rest.next() {
        match c {
            '\\' if inside => {
                rest.next();
            }
            '\'' => {
                if inside {
                    outside.extend([" ", LITERAL, " "]);
                }
                inside = !inside;
            }
            _ if inside => {}
            '=' | '<' | '>' | '!' => {
                outside.push(' ');
                outside.push(c);
                if rest.next_if_eq(&'=').is_some() {
                    outside.push('=');
                }
                outside.push(' ');
            }
            '{' => outside.push_str(" { "),
            '(' | ')' | '}' => outside.push(' '),
            c if c.is_control() => outside.push(' '),
            c => outside.push(c),
        }
    }
    outside
}

/// The condition for a kind of file, in people's words or as a media type.
pub(super) fn of_kind(kind: &str) -> Result<String, ToolError> {
    let native = |name: &str| format!("mimeType = 'application/vnd.google-apps.{name}'");
    let office =
        |name: &str| format!("mimeType = 'application/vnd.openxmlformats-officedocument.{name}'");
    let either = |one: String, other: String| format!("({one} or {other})");
    Ok(match kind.trim().to_lowercase().trim_end_matches('s') {
        "folder" => native("folder"),
        "document" | "doc" | "google doc" => native("document"),
        "spreadsheet" | "sheet" | "google sheet" => native("spreadsheet"),
        "presentation" | "slide" | "google slide" => native("presentation"),
        "form" | "google form" => native("form"),
        "shortcut" => native("shortcut"),
        "pdf" => "mimeType = 'application/pdf'".to_owned(),
        "word" | "docx" => either(
            office("wordprocessingml.document"),
            "mimeType = 'application/msword'".to_owned(),
        ),
        "excel" | "xlsx" | "xl" => either(
            office("spreadsheetml.sheet"),
            "mimeType = 'application/vnd.ms-excel'".to_owned(),
        ),
        "powerpoint" | "pptx" => either(
            office("presentationml.presentation"),
            "mimeType = 'application/vnd.ms-powerpoint'".to_owned(),
        ),
        "image" | "picture" | "photo" => "mimeType contains 'image/'".to_owned(),
        "video" => "mimeType contains 'video/'".to_owned(),
        "audio" => "mimeType contains 'audio/'".to_owned(),
        "text" => "mimeType contains 'text/'".to_owned(),
        other if other.contains('/') => format!("mimeType = {}", quoted(kind.trim())),
        _ => {
            return Err(
                ToolError::input(format!("\"{kind}\" is no kind of file")).hint(
                    "kinds are folder, document, spreadsheet, presentation, form, shortcut, pdf, \
                 word, excel, powerpoint, image, video, audio, text, or a media type",
                ),
            );
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads the literal at the beginning of `text` as Drive does; what stands after it, too.
    fn read(text: &str) -> Option<(String, String)> {
        let mut rest = text.chars();
        let mut literal = String::new();
        if rest.next()? != '\'' {
            return None;
        }
        loop {
            match rest.next()? {
                '\'' => return Some((literal, rest.collect())),
                '\\' => literal.push(rest.next().filter(|c| "'\\".contains(*c))?),
                c => literal.push(c),
            }
        }
    }

    proptest! {
        #[test]
        fn drive_reads_back_what_was_meant(text in any::<String>()) {
            let query = free_text(&text);
            let after = query.strip_prefix("(fullText contains ").expect("how it begins");
            let (literal, after) = read(after).expect("a literal");
            prop_assert_eq!(&literal, &text);
            let after = after.strip_prefix(" or name contains ").expect("how it goes on");
            let (literal, after) = read(after).expect("a literal");
            prop_assert_eq!(&literal, &text);
            prop_assert_eq!(after, ") and trashed = false");
        }

        #[test]
        fn quotes_and_backslashes_in_any_order(text in r"['\\a ]{0,12}") {
            prop_assert_eq!(read(&quoted(&text)), Some((text, String::new())));
        }
    }

    #[test]
    fn drives_own_language_is_told_from_plain_words() {
        for query in [
            "name contains 'x'",
            "name='x'",
            "(mimeType = 'a/b')",
            "trashed=false and name contains 'y'",
            "not fullText contains 'y'",
            "'1abc' in parents",
            "'a@b.example' in owners and trashed = false",
            "sharedWithMe",
            "sharedWithMe and name contains 'x'",
            "modifiedTime > '2026-01-01T00:00:00'",
            "appProperties has { key='a' and value='b' }",
        ] {
            assert!(is_structured(query), "{query}");
        }
        for query in [
            "quarterly budget",
            "my name is 'Zoé'",
            "what's in owners manual",
            "the name contains it",
            "a 'name contains b' quotation",
            "starred restaurants",
            "it's trashed",
            "",
        ] {
            assert!(!is_structured(query), "{query}");
        }
    }

    #[test]
    fn full_text_counts_outside_of_quotes_only() {
        assert!(asks_full_text("name = 'a' or fullText contains 'b'"));
        assert!(!asks_full_text("name = 'fullText contains'"));
    }
}
