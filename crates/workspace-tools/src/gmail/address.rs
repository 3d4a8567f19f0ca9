//! Mail addresses: read strictly, because a mistake here sends mail to somebody else.
//!
//! Invariant: an [`Address`] holds nothing that could start another header field or hide another
//! recipient.

use super::header;
use crate::{ToolError, text::is_invisible};

/// Somebody who sends or receives mail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Address {
    /// The name beside the address; may be empty.
    pub name: String,
    /// `local@domain`.
    pub email: String,
}

impl Address {
    /// Whether both mean the same mailbox, as far as spelling tells.
    pub(super) fn is(&self, email: &str) -> bool {
        self.email.eq_ignore_ascii_case(email)
    }
}

/// Reads a list as the caller wrote it: `a@b.example, "Kim, R." <kim@c.example>`.
pub(super) fn list(field: &str, written: &str) -> Result<Vec<Address>, ToolError> {
    header::check(field, written)?;
    parse(written).map_err(|wrong| {
        ToolError::input(format!("{field}: \"{wrong}\" is not a mail address"))
            .hint("write addresses as name@domain or Name <name@domain>, separated by commas")
    })
}

/// Reads a list as others wrote it; entries that make no sense are left out.
pub(super) fn lenient(written: &str) -> Vec<Address> {
    let written: String = written
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    entries(&written)
        .iter()
        .filter_map(|entry| one(entry).ok())
        .map(|address| Address {
            name: crate::text::line(&address.name),
            ..address
        })
        .collect()
}

fn parse(written: &str) -> Result<Vec<Address>, String> {
    entries(written)
        .iter()
        .map(|entry| one(entry).map_err(|()| entry.trim().to_owned()))
        .collect()
}

/// Splits at the commas and semicolons outside quotes, brackets and comments.
fn entries(written: &str) -> Vec<String> {
    let mut entries = vec![String::new()];
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    for c in written.chars() {
        let separates = matches!(c, ',' | ';') && !quoted && !angle;
        if separates {
            entries.push(String::new());
            continue;
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => angle = true,
            '>' if !quoted => angle = false,
            _ => {}
        }
        if let Some(entry) = entries.last_mut() {
            entry.push(c);
        }
    }
    entries.retain(|entry| !entry.trim().is_empty());
    entries
}

fn one(entry: &str) -> Result<Address, ()> {
    let entry = entry.trim();
    let (name, email) = match entry.strip_suffix('>') {
        Some(inner) => inner.rsplit_once('<').ok_or(())?,
        None => ("", entry),
    };
    let email = email.trim();
    if !is_email(email) {
        return Err(());
    }
    let name = unquoted(name.trim());
    if name.chars().any(is_invisible) {
        return Err(());
    }
    Ok(Address {
        name,
        email: email.to_owned(),
    })
}

fn unquoted(name: &str) -> String {
    let Some(inner) = name
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return name.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        plain.push(if c == '\\' {
            characters.next().unwrap_or('\\')
        } else {
            c
        });
    }
    plain
}

/// ASCII only: look-alike letters never reach another mailbox unseen.
fn is_email(email: &str) -> bool {
    let Some((local, domain)) = email.rsplit_once('@') else {
        return false;
    };
    let in_local = |c: char| c.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    (1..=64).contains(&local.len())
        && local.chars().all(in_local)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && domain.len() <= 253
        && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emails(written: &str) -> Vec<String> {
        list("to", written)
            .unwrap()
            .into_iter()
            .map(|address| format!("{}|{}", address.name, address.email))
            .collect()
    }

    #[test]
    fn lists_are_read_as_people_write_them() {
        assert_eq!(emails("a@b.example"), ["|a@b.example"]);
        assert_eq!(
            emails("Kim R <kim@c.example>; \"R, Kim \\\"K\\\"\" <k+x@c.example>,"),
            ["Kim R|kim@c.example", "R, Kim \"K\"|k+x@c.example"]
        );
        assert_eq!(emails("Žofie <z@c.example>"), ["Žofie|z@c.example"]);
        assert!(emails(" ").is_empty());
    }

    #[test]
    fn anything_else_is_refused() {
        for wrong in [
            "kim",
            "kim@",
            "@c.example",
            "a b@c.example",
            "<kim@c.example",
            "a@b@c.example",
            "a@b..example",
            "kim@c.example\r\nBcc: eve@x.example",
            "kim@c.example\u{2028}Bcc: eve@x.example",
            "Kim <kim@c.example> eve@x.example",
            "\"Kim\r\n\" <kim@c.example>",
            "ki\u{200b}m <kim@c.example>",
            "kіm@c.example",
            "=?utf-8?q?a=0D=0ABcc:_eve@x.example?= <kim@c.example>",
        ] {
            assert!(list("to", wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_others_wrote_is_read_as_far_as_it_makes_sense() {
        let read = lenient("Kim <kim@c.example>,\r\n undisclosed, eve@x.example");
        let emails: Vec<&str> = read.iter().map(|address| address.email.as_str()).collect();
        assert_eq!(emails, ["kim@c.example", "eve@x.example"]);
    }
}
