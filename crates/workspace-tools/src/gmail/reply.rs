//! What answering a message means: who gets it, what it is called, where it belongs.
//!
//! Pure: decides from what was read. Invariant: nobody is added who was not part of the answered
//! message, and the writer's own addresses are left out.

use super::{
    address::{self, Address},
    header, html,
    message::Message,
};
use crate::text;

/// What follows from the answered message.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Derived {
    pub to: Vec<Address>,
    pub cc: Vec<Address>,
    pub subject: String,
    pub in_reply_to: Option<String>,
    pub references: Vec<String>,
    pub thread_id: String,
}

/// Whom an answer goes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Audience {
    /// Whoever wrote.
    Sender,
    /// Whoever wrote and everybody who got it.
    All,
}

/// What an answer to `original` looks like, written by somebody with the addresses `own`.
pub(super) fn derive(original: &Message, own: &[String], audience: Audience) -> Derived {
    let read = |name| address::lenient(original.header(name).unwrap_or_default());
    let is_own = |address: &Address| own.iter().any(|own| address.is(own));
    let from = read("From");
    let answers_own = from.iter().any(is_own);
    let mut to = read("Reply-To");
    if answers_own {
        // Answering one's own message means going on writing to the same people.
        to = read("To");
    } else if to.is_empty() {
        to.clone_from(&from);
    }
    let mut cc = Vec::new();
    if audience == Audience::All {
        if !answers_own {
            cc.extend(read("To"));
        }
        cc.extend(read("Cc"));
    }
    let everybody_own = to.iter().all(is_own);
    if !everybody_own {
        to.retain(|address| !is_own(address));
    }
    cc.retain(|address| !is_own(address));
    let mut seen = Vec::new();
    once(&mut to, &mut seen);
    once(&mut cc, &mut seen);
    let ids = |name| header::lenient_ids(original.header(name).unwrap_or_default());
    let in_reply_to = ids("Message-ID").into_iter().next();
    let mut references = ids("References");
    if references.is_empty() {
        references = ids("In-Reply-To");
    }
    references.extend(in_reply_to.clone());
    Derived {
        to,
        cc,
        subject: reply_subject(&header::defused(
            original.header("Subject").unwrap_or_default(),
        )),
        in_reply_to,
        references: shortened(references),
        thread_id: original.thread_id.clone(),
    }
}

/// Keeps the first mention of everybody.
pub(super) fn once(addresses: &mut Vec<Address>, seen: &mut Vec<String>) {
    addresses.retain(|address| {
        let email = address.email.to_ascii_lowercase();
        let first = !seen.contains(&email);
        if first {
            seen.push(email);
        }
        first
    });
}

/// The subject of an answer; `Re:` stands there once.
pub(super) fn reply_subject(subject: &str) -> String {
    let marked = subject
        .get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("re:"));
    if marked {
        subject.to_owned()
    } else {
        format!("Re: {subject}").trim_end().to_owned()
    }
}

/// The line above a quote.
pub(super) fn attribution(original: &Message) -> String {
    let date = original
        .date()
        .map(|date| date.strftime("%-d %B %Y, %H:%M UTC").to_string())
        .unwrap_or_default();
    format!("On {date}, {} wrote:", original.sender())
}

/// `body` with the answered text below it, each line marked.
pub(super) fn quoted_text(body: &str, attribution: &str, original: &str) -> String {
    let quote: Vec<String> = original
        .lines()
        .map(|line| {
            if line.starts_with('>') {
                format!(">{line}")
            } else {
                format!("> {line}").trim_end().to_owned()
            }
        })
        .collect();
    format!(
        "{}\n\n{attribution}\n{}\n",
        body.trim_end(),
        quote.join("\n")
    )
}

/// `body` with the answered HTML below it; `original` must be harmless already.
pub(super) fn quoted_html(body: &str, attribution: &str, original: &str) -> String {
    let attribution = html::from_text(&text::line(attribution));
    format!(
        "{body}\n<div class=\"gmail_quote\"><div class=\"gmail_attr\">{attribution}</div>\n\
         <blockquote class=\"gmail_quote\" style=\"margin:0 0 0 .8ex;border-left:1px solid #ccc;\
         padding-left:1ex\">{original}</blockquote></div>"
    )
}

/// The first and the newest references; a field of thousands helps nobody.
fn shortened(mut references: Vec<String>) -> Vec<String> {
    const MOST: usize = 30;
    let mut seen = Vec::new();
    references.retain(|id| {
        let new = !seen.contains(id);
        if new {
            seen.push(id.clone());
        }
        new
    });
    if references.len() > MOST {
        let middle = references.len() - (MOST - 1);
        references.drain(1..middle);
    }
    references
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(headers: &[(&str, &str)]) -> Message {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        serde_json::from_value(json!({"id": "m", "threadId": "t", "payload": {"headers": headers}}))
            .unwrap()
    }

    fn emails(addresses: &[Address]) -> Vec<&str> {
        addresses
            .iter()
            .map(|address| address.email.as_str())
            .collect()
    }

    fn own() -> Vec<String> {
        vec!["alex@s.example".into(), "sales@s.example".into()]
    }

    #[test]
    fn an_answer_goes_to_the_sender_or_where_the_sender_wants_it() {
        let plain = message(&[("from", "Kim <kim@c.example>"), ("To", "alex@s.example")]);
        assert_eq!(
            emails(&derive(&plain, &own(), Audience::Sender).to),
            ["kim@c.example"]
        );
        let list = message(&[("From", "kim@c.example"), ("Reply-To", "list@c.example")]);
        assert_eq!(
            emails(&derive(&list, &own(), Audience::Sender).to),
            ["list@c.example"]
        );
    }

    #[test]
    fn an_answer_to_all_leaves_oneself_out_and_names_nobody_twice() {
        let original = message(&[
            ("From", "Kim <kim@c.example>"),
            (
                "To",
                "Alex <ALEX@s.example>, sam@s.example, sales@s.example",
            ),
            ("Cc", "Sam <SAM@s.example>, eve@x.example, kim@c.example"),
        ]);
        let derived = derive(&original, &own(), Audience::All);
        assert_eq!(emails(&derived.to), ["kim@c.example"]);
        assert_eq!(emails(&derived.cc), ["sam@s.example", "eve@x.example"]);
        assert!(derive(&original, &own(), Audience::Sender).cc.is_empty());
    }

    #[test]
    fn answering_oneself_goes_on_with_the_same_people() {
        let original = message(&[
            ("From", "alex@s.example"),
            ("To", "kim@c.example"),
            ("Cc", "sam@s.example"),
        ]);
        let derived = derive(&original, &own(), Audience::All);
        assert_eq!(
            (emails(&derived.to), emails(&derived.cc)),
            (vec!["kim@c.example"], vec!["sam@s.example"])
        );
        let note = message(&[("From", "alex@s.example"), ("To", "alex@s.example")]);
        assert_eq!(
            emails(&derive(&note, &own(), Audience::Sender).to),
            ["alex@s.example"]
        );
    }

    #[test]
    fn threads_are_continued() {
        let original = message(&[
            ("Message-Id", "<c@x>"),
            ("References", "<a@x>\r\n <b@x>"),
            ("Subject", "RE: plan"),
        ]);
        let derived = derive(&original, &own(), Audience::Sender);
        assert_eq!(derived.in_reply_to.as_deref(), Some("c@x"));
        assert_eq!(derived.references, ["a@x", "b@x", "c@x"]);
        assert_eq!(
            (derived.subject.as_str(), derived.thread_id.as_str()),
            ("RE: plan", "t")
        );
        assert_eq!(reply_subject("plan"), "Re: plan");
        assert_eq!(reply_subject("ž"), "Re: ž");
        let many: Vec<String> = (0..99).map(|number| format!("{number}@x")).collect();
        let few = shortened(many);
        assert_eq!(
            (few.len(), few[0].as_str(), few[29].as_str()),
            (30, "0@x", "98@x")
        );
    }

    #[test]
    fn hostile_originals_stay_quotes() {
        let html = quoted_html("<p>ok</p>", "On x, \"><script> wrote:", "<b>old</b>");
        assert!(!html.contains("<script>"));
        assert_eq!(
            quoted_text("ok\n", "On x, y wrote:", "a\n> b"),
            "ok\n\nOn x, y wrote:\n> a\n>> b\n"
        );
    }
}
