//! What is written must be read back the same by somebody else's parser.

use mail_parser::{Address as ParsedAddress, MessageParser, MimeHeaders};
use proptest::prelude::*;

use super::{
    address::{self, Address},
    attach::File,
    compose::{Letter, write},
    header,
};
use crate::file_name;

/// Texts as people and attackers write them, single lines.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,80}",
        "[a-zžščřäöüß漢字кириллица😀👩‍💻\"\\\\()<>,;:@ ]{0,60}",
        "\\PC{0,200}",
    ]
}

fn email() -> impl Strategy<Value = String> {
    "[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}@[a-z0-9]{1,10}(\\.[a-z0-9]{1,10}){1,2}"
}

fn someone() -> impl Strategy<Value = Address> {
    (line(), email()).prop_map(|(name, email)| Address {
        name: crate::text::line(&name),
        email,
    })
}

fn emails(parsed: Option<&ParsedAddress<'_>>) -> Vec<String> {
    parsed
        .into_iter()
        .flat_map(ParsedAddress::iter)
        .filter_map(|one| one.address().map(str::to_owned))
        .collect()
}

fn names(parsed: Option<&ParsedAddress<'_>>) -> Vec<String> {
    parsed
        .into_iter()
        .flat_map(ParsedAddress::iter)
        .map(|one| one.name().unwrap_or_default().to_owned())
        .collect()
}

fn own(addresses: &[Address]) -> Vec<String> {
    addresses.iter().map(|one| one.email.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_is_written_is_read_back(
        subject in line(),
        text in "(\\PC|\r\n|\n|\t){0,300}",
        to in prop::collection::vec(someone(), 1..4),
        bcc in prop::collection::vec(someone(), 0..3),
        file in line(),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        prop_assume!(header::check("subject", &subject).is_ok());
        let all_names = to.iter().chain(&bcc).all(|one| header::check("to", &one.name).is_ok());
        prop_assume!(all_names);
        let letter = Letter {
            to: to.clone(),
            bcc: bcc.clone(),
            subject: subject.clone(),
            text: text.clone(),
            files: vec![File {
                name: file_name::safe(&file),
                mime_type: "application/octet-stream".to_owned(),
                bytes: bytes.clone().into(),
            }],
            message_id: "abc@sandbox.example".to_owned(),
            date: 1_700_000_000,
            ..Letter::default()
        };
        let raw = write(&letter);
        let parsed = MessageParser::default().parse(&raw).expect("a message");
        prop_assert_eq!(emails(parsed.to()), own(&to));
        prop_assert_eq!(emails(parsed.bcc()), own(&bcc));
        prop_assert!(parsed.cc().is_none() && parsed.from().is_none());
        prop_assert_eq!(
            parsed.subject().unwrap_or_default().split_whitespace().collect::<Vec<_>>(),
            subject.split_whitespace().collect::<Vec<_>>()
        );
        let written: Vec<&str> = to.iter().map(|one| one.name.as_str()).collect();
        prop_assert_eq!(names(parsed.to()), written);
        let read = parsed.body_text(0).unwrap_or_default().replace("\r\n", "\n");
        let wanted = text.replace("\r\n", "\n");
        prop_assert_eq!(read.trim_end(), wanted.trim_end());
        let attachment = parsed.attachment(0).expect("the file");
        prop_assert_eq!(attachment.contents(), &bytes[..]);
        let name = file_name::safe(&file);
        prop_assert_eq!(attachment.attachment_name(), Some(name.as_str()));
        prop_assert_eq!(parsed.attachment_count(), 1);
    }

    #[test]
    fn whatever_passes_names_exactly_who_was_read(
        written in "([a-z\"<>,;@ .\r\n\u{2028}\\\\=?žQB:-]|Bcc: |eve@x\\.example|=\\?utf-8\\?q\\?a=0D=0A\\?=){0,60}",
    ) {
        let Ok(read) = address::list("to", &written) else { return Ok(()) };
        let letter = Letter {
            to: read.clone(),
            text: "hello".to_owned(),
            message_id: "abc@sandbox.example".to_owned(),
            ..Letter::default()
        };
        let raw = write(&letter);
        let parsed = MessageParser::default().parse(&raw).expect("a message");
        prop_assert_eq!(emails(parsed.to()), own(&read));
        prop_assert!(parsed.bcc().is_none() && parsed.cc().is_none());
    }
}

#[test]
fn html_and_text_are_alternatives_beside_the_files() {
    let letter = Letter {
        to: address::list("to", "kim@c.example").unwrap(),
        subject: "Žluť".to_owned(),
        text: "plain".to_owned(),
        html: Some("<p>rich</p>".to_owned()),
        files: vec![File {
            name: "\"><script>.txt".to_owned(),
            mime_type: "text/plain".to_owned(),
            bytes: b"file".as_slice().into(),
        }],
        message_id: "abc@sandbox.example".to_owned(),
        in_reply_to: vec!["x@y".to_owned()],
        references: vec!["w@y".to_owned(), "x@y".to_owned()],
        ..Letter::default()
    };
    let raw = write(&letter);
    let parsed = MessageParser::default().parse(&raw).expect("a message");
    assert_eq!(parsed.body_text(0).unwrap().trim_end(), "plain");
    assert_eq!(parsed.body_html(0).unwrap().trim_end(), "<p>rich</p>");
    assert_eq!(parsed.message_id(), Some("abc@sandbox.example"));
    assert_eq!(parsed.in_reply_to().as_text(), Some("x@y"));
    assert_eq!(parsed.references().as_text_list().map(<[_]>::len), Some(2));
    assert_eq!(
        parsed.attachment(0).unwrap().attachment_name(),
        Some("\"><script>.txt")
    );
    assert_eq!(parsed.subject(), Some("Žluť"));
}

/// The corpus of header injection: every field a caller chooses, every way to end a line.
#[test]
fn no_field_can_be_ended_from_inside() {
    const BREAKS: &[&str] = &[
        "a\r\nBcc: evil@x.example",
        "a\nBcc: evil@x.example",
        "a\rBcc: evil@x.example",
        "a\u{2028}Bcc: evil@x.example",
        "a\u{2029}Bcc: evil@x.example",
        "a\u{85}Bcc: evil@x.example",
        "a\u{b}Bcc: evil@x.example",
        "a\u{c}Bcc: evil@x.example",
        "a\0Bcc: evil@x.example",
        "a\r\n\tfolded",
        "a\r\n\r\nbody",
        "=?utf-8?q?a=0D=0ABcc:_evil@x.example?=",
        "=?UTF-8?B?YQ0KQmNjOiBldmlsQHguZXhhbXBsZQ==?=",
    ];
    for hostile in BREAKS {
        assert!(
            header::check("subject", hostile).is_err(),
            "subject {hostile:?}"
        );
        for field in ["to", "cc", "bcc", "from"] {
            assert!(
                address::list(field, hostile).is_err(),
                "{field} {hostile:?}"
            );
            let named = format!("{hostile} <kim@c.example>");
            assert!(address::list(field, &named).is_err(), "{field} {named:?}");
            let quoted = format!("\"{hostile}\" <kim@c.example>");
            assert!(address::list(field, &quoted).is_err(), "{field} {quoted:?}");
        }
        for field in ["in_reply_to", "references"] {
            let id = format!("<{hostile}@x>");
            assert!(header::message_ids(field, &id).is_err(), "{field} {id:?}");
        }
        let name = file_name::safe(hostile);
        assert!(!name.chars().any(char::is_control), "{name:?}");
    }
}
