//! Whether a message answers a question.
//!
//! Not the reading of questions. Invariant: matching looks at the index alone, never at the raw
//! message.

use jiff::{Span, Timestamp, Zoned, civil::Date, tz::TimeZone};

use super::{
    super::{
        mime,
        state::{Label, Message},
    },
    parser::Query,
};

/// What a question means depends on these.
pub(crate) struct Context<'a> {
    pub(crate) labels: &'a [Label],
    pub(crate) now: Timestamp,
    pub(crate) user: &'a str,
}

/// Whether a message answers a question.
pub(crate) fn matches(query: &Query, message: &Message, context: &Context<'_>) -> bool {
    match query {
        Query::All(parts) => parts.iter().all(|part| matches(part, message, context)),
        Query::Any(parts) => {
            parts.is_empty() || parts.iter().any(|part| matches(part, message, context))
        }
        Query::Not(part) => !matches(part, message, context),
        Query::Word(word) => has_words(&message.index.words, word),
        Query::Operator(name, value) => operator(name, value, message, context),
    }
}

fn has_words(haystack: &str, phrase: &str) -> bool {
    let phrase = mime::words(phrase);
    phrase.trim().is_empty() || haystack.contains(&phrase)
}

fn operator(name: &str, value: &str, message: &Message, context: &Context<'_>) -> bool {
    let index = &message.index;
    let value = if value.eq_ignore_ascii_case("me") {
        context.user
    } else {
        value
    };
    let has = |label: &str| message.labels.contains(label);
    match name {
        "from" => has_words(&index.from, value),
        "to" => [&index.to, &index.cc, &index.bcc]
            .iter()
            .any(|field| has_words(field, value)),
        "cc" => has_words(&index.cc, value),
        "bcc" => has_words(&index.bcc, value),
        "deliveredto" => index
            .recipients
            .iter()
            .any(|address| address.eq_ignore_ascii_case(value)),
        "subject" => has_words(&mime::words(&index.subject), value),
        "list" => has_words(&index.list, value),
        "rfc822msgid" => index.message_id == value.trim_matches(['<', '>']),
        "filename" => filename(&index.files, value),
        "in" if value.eq_ignore_ascii_case("anywhere") => true,
        "label" | "in" => labelled(value, message, context),
        "is" => match value.to_ascii_lowercase().as_str() {
            "unread" => has("UNREAD"),
            "read" => !has("UNREAD"),
            "starred" => has("STARRED"),
            "unstarred" => !has("STARRED"),
            "important" => has("IMPORTANT"),
            "sent" => has("SENT"),
            _ => false,
        },
        "has" => match value.to_ascii_lowercase().as_str() {
            "attachment" => !index.files.is_empty(),
            "document" => filename(&index.files, "docx"),
            "spreadsheet" => filename(&index.files, "xlsx") || filename(&index.files, "csv"),
            "pdf" => filename(&index.files, "pdf"),
            "userlabels" => message
                .labels
                .iter()
                .any(|label| label.starts_with("Label_")),
            "nouserlabels" => !message
                .labels
                .iter()
                .any(|label| label.starts_with("Label_")),
            "yellow-star" => has("STARRED"),
            _ => false,
        },
        "category" => {
            let category = value.to_ascii_uppercase();
            let category = if category == "PRIMARY" {
                "PERSONAL"
            } else {
                &category
            };
            has(&format!("CATEGORY_{category}"))
        }
        "larger" | "size" => bytes(value).is_some_and(|limit| index.size >= limit),
        "smaller" => bytes(value).is_some_and(|limit| index.size < limit),
        "after" | "newer" => day(value).is_some_and(|from| message.internal_date >= from),
        "before" | "older" => day(value).is_some_and(|until| message.internal_date < until),
        "newer_than" => ago(value, context.now).is_some_and(|from| message.internal_date >= from),
        "older_than" => ago(value, context.now).is_some_and(|until| message.internal_date < until),
        _ => false,
    }
}

/// A name, or an ending such as `pdf`.
fn filename(files: &[String], value: &str) -> bool {
    let value = value.to_lowercase();
    files.iter().any(|name| {
        let name = name.to_lowercase();
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        ending == Some(value.trim_start_matches('.')) || has_words(&mime::words(&name), &value)
    })
}

/// A label by id or by name, written with hyphens for spaces and slashes if need be.
fn labelled(value: &str, message: &Message, context: &Context<'_>) -> bool {
    let system = match value.to_ascii_lowercase().as_str() {
        "drafts" => "DRAFT".to_owned(),
        "bin" => "TRASH".to_owned(),
        "chats" => "CHAT".to_owned(),
        other => other.to_ascii_uppercase(),
    };
    if message.labels.contains(&system) || message.labels.contains(value) {
        return true;
    }
    let plain = |name: &str| name.to_lowercase().replace([' ', '/', '_'], "-");
    context
        .labels
        .iter()
        .filter(|label| plain(&label.name) == plain(value))
        .any(|label| message.labels.contains(&label.id))
}

/// `10M`, `500K`, `1000`.
fn bytes(value: &str) -> Option<usize> {
    let value = value.to_ascii_lowercase();
    let value = value.trim_end_matches('b');
    let (digits, unit) = match value.strip_suffix('k') {
        Some(digits) => (digits, 1024),
        None => value
            .strip_suffix('m')
            .map_or((value, 1), |digits| (digits, 1024 * 1024)),
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}

/// A day, or seconds since 1970, as milliseconds.
fn day(value: &str) -> Option<i64> {
    if value.len() > 8 && value.chars().all(|letter| letter.is_ascii_digit()) {
        return value.parse::<i64>().ok()?.checked_mul(1000);
    }
    let mut parts = value.split(['/', '-']).map(str::parse::<i16>);
    let (first, second, third) = (
        parts.next()?.ok()?,
        parts.next()?.ok()?,
        parts.next()?.ok()?,
    );
    let (year, month, day) = if first > 31 {
        (first, second, third)
    } else {
        (third, first, second)
    };
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    Some(
        date.to_zoned(TimeZone::UTC)
            .ok()?
            .timestamp()
            .as_millisecond(),
    )
}

/// `2d`, `3m`, `1y` before now, as milliseconds.
fn ago(value: &str, now: Timestamp) -> Option<i64> {
    let digits = value.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let unit = value.strip_prefix(digits)?;
    let number: i64 = digits.parse().ok().filter(|number| *number <= 10_000)?;
    let span = match unit {
        "h" => Span::new().hours(number),
        "d" => Span::new().days(number),
        "w" => Span::new().weeks(number),
        "m" => Span::new().months(number),
        "y" => Span::new().years(number.min(1000)),
        _ => return None,
    };
    let now: Zoned = now.to_zoned(TimeZone::UTC);
    Some(now.checked_sub(span).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_days_and_ages_are_read() {
        assert_eq!(
            (bytes("10M"), bytes("5k"), bytes("7"), bytes("x")),
            (Some(10_485_760), Some(5120), Some(7), None)
        );
        assert_eq!(day("2026/03/29"), day("2026-3-29"));
        assert_eq!(day("3/29/2026"), day("2026-03-29"));
        assert_eq!(day("1774742400"), Some(1_774_742_400_000));
        assert_eq!(day("2026/13/01"), None);
        let now: Timestamp = "2026-03-31T12:00:00Z".parse().expect("a time");
        let then: Timestamp = "2026-02-28T12:00:00Z".parse().expect("a time");
        assert_eq!(ago("1m", now), Some(then.as_millisecond()));
        assert_eq!(ago("soon", now), None);
    }
}
