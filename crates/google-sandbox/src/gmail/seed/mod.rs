//! Demo mail: about 120 days of a small company's correspondence.
//!
//! Not random noise: conversations are written, regular mail is generated. Invariant: the same seed
//! and the same time give the same mailboxes, and nobody here is a real person.

mod conversations;
mod files;
mod regular;

use jiff::{SignedDuration, Timestamp};

use super::{compose::Letter, mime, state::Fresh};
use crate::world::{Chance, World};

/// A letter with its time and the labels the primary user's copy gets besides the usual ones.
struct Planned {
    at: Timestamp,
    letter: Letter,
    labels: Vec<&'static str>,
    place: Place,
}

/// Where the primary user's copy lies.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Inbox,
    Archive,
    Trash,
    Spam,
}

/// What the generators know of the world.
struct Cast {
    /// The primary user.
    alex: (String, String),
    /// The colleague with a mailbox of their own, if there is a second user.
    sam: (String, String),
    domain: String,
    now: Timestamp,
}

impl Cast {
    /// A colleague without a mailbox.
    fn colleague(&self, name: &str) -> (String, String) {
        let first = name.split(' ').next().unwrap_or(name).to_lowercase();
        (name.to_owned(), format!("{first}@{}", self.domain))
    }

    /// So many days and hours before now.
    fn ago(&self, days: i64, hours: i64) -> Timestamp {
        self.now - SignedDuration::from_hours(days * 24 + hours)
    }
}

/// Opens all mailboxes and fills the first two.
pub(super) fn fill(world: &mut World, now: Timestamp) {
    super::open(world, now);
    let Some(primary) = world.users.first() else {
        return;
    };
    let person = |user: &crate::world::User| (user.name.clone(), user.email.clone());
    let cast = Cast {
        alex: person(primary),
        sam: world.users.get(1).map_or_else(
            || ("Sam Okafor".to_owned(), format!("sam@{}", primary.domain())),
            person,
        ),
        domain: primary.domain().to_owned(),
        now,
    };
    let mut chance = Chance::new(world.chance.number());
    let mut planned = conversations::all(&cast);
    planned.extend(regular::all(&cast, &mut chance));
    planned.sort_by_key(|one| one.at);
    for one in planned {
        put(world, &cast, &one, &mut chance);
    }
    drafts(world, &cast);
    if let Some(mailbox) = world.gmail.mailboxes.get_mut(&cast.alex.1) {
        let newsletters = mailbox.label_named("Newsletters");
        mailbox.filters.push(serde_json::json!({
            "id": "ANe1Bmdemo-newsletters",
            "criteria": {"from": "weeklyledger.example"},
            "action": {"addLabelIds": [newsletters], "removeLabelIds": ["INBOX"]},
        }));
        let (name, _) = &cast.alex;
        mailbox.signature = format!("<div>{name}<br>Operations</div>");
    }
}

/// Puts a letter where it belongs: with the sender as sent, with each recipient as received.
fn put(world: &mut World, cast: &Cast, one: &Planned, chance: &mut Chance) {
    let raw = one.letter.write(one.at);
    let index = mime::Index::of(&raw);
    for (name, address) in [&cast.alex, &cast.sam] {
        let _ = name;
        let sent = one.letter.from.1 == *address;
        let received = index.recipients.contains(&address.to_ascii_lowercase());
        if !sent && !received {
            continue;
        }
        let primary = *address == cast.alex.1;
        let Some(mailbox) = world.gmail.mailboxes.get_mut(address) else {
            continue;
        };
        let mut labels: Vec<String> = Vec::new();
        if sent {
            labels.push("SENT".into());
        }
        if received {
            let place = if primary { one.place } else { Place::Inbox };
            match place {
                Place::Inbox => labels.push("INBOX".into()),
                Place::Archive => {}
                Place::Trash => labels.push("TRASH".into()),
                Place::Spam => labels.push("SPAM".into()),
            }
            let days = cast.now.duration_since(one.at).as_hours() / 24;
            let likely = if days < 3 { 80 } else { 6 };
            if place == Place::Inbox && chance.below(100) < likely {
                labels.push("UNREAD".into());
            }
        }
        for label in &one.labels {
            if label
                .chars()
                .all(|letter| letter.is_ascii_uppercase() || letter == '_')
            {
                labels.push((*label).to_owned());
            } else if primary {
                labels.push(mailbox.label_named(label));
            }
        }
        let fresh = Fresh {
            raw: raw.clone(),
            labels,
            thread_id: None,
            at: one.at,
        };
        mailbox.add(&mut world.chance, fresh);
    }
}

fn drafts(world: &mut World, cast: &Cast) {
    let texts = [
        (
            "Notes for the offsite",
            "Things to bring up:\n\n- the new intake form\n- who covers August",
        ),
        (
            "Thank you",
            "Dear Nadia,\n\nthank you for the tour yesterday.",
        ),
    ];
    for (place, (subject, text)) in texts.into_iter().enumerate() {
        let letter = Letter {
            from: cast.alex.clone(),
            subject: subject.into(),
            message_id: format!("draft-{place}@{}", cast.domain),
            text: text.into(),
            ..Letter::default()
        };
        let at = cast.ago(1, i64::try_from(place).unwrap_or(0));
        let draft = format!("r{}", world.chance.number() >> 1);
        let Some(mailbox) = world.gmail.mailboxes.get_mut(&cast.alex.1) else {
            return;
        };
        let labels = vec!["DRAFT".to_owned()];
        let raw = letter.write(at);
        let content = mailbox.add(
            &mut world.chance,
            Fresh {
                raw,
                labels,
                thread_id: None,
                at,
            },
        );
        mailbox.drafts.insert(draft, content);
    }
}

/// Paragraphs as simple HTML.
fn html(text: &str) -> String {
    let safe = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let paragraphs: Vec<String> = safe
        .split("\n\n")
        .map(|part| format!("<p>{}</p>", part.replace('\n', "<br>")))
        .collect();
    format!("<div dir=\"ltr\">{}</div>", paragraphs.join("\n"))
}
