//! Sending: what Gmail corrects, what the sender keeps, what each recipient gets.
//!
//! Not SMTP: only accounts of the sandbox receive anything. Invariant: no recipient's copy says
//! who else got a blind copy.

use jiff::Timestamp;

use super::{
    compose::{self, Attachment, Letter},
    messages,
    mime::Index,
    state::Fresh,
};
use crate::{
    call::{Call, Notice},
    error::ApiError,
    world::World,
};

/// Sends a message of the caller's; gives the id of the caller's copy.
pub(super) fn send(
    call: &mut Call<'_>,
    raw: Vec<u8>,
    thread_id: Option<String>,
) -> Result<String, ApiError> {
    messages::own(call)?;
    if let Some(thread) = &thread_id {
        let mailbox = call.world.gmail.mailboxes.get(&call.user);
        if mailbox.is_none_or(|mailbox| mailbox.thread(thread).is_empty()) {
            return Err(super::missing());
        }
    }
    let raw = corrected(call, raw);
    let index = Index::of(&raw);
    if index.recipients.is_empty() {
        return Err(ApiError::invalid("Recipient address required"));
    }
    let world = &mut *call.world;
    let to_self = index.recipients.contains(&call.user);
    let mut labels = vec!["SENT".to_owned()];
    if to_self {
        labels.extend(["INBOX".to_owned(), "UNREAD".to_owned()]);
    }
    let public = compose::without_header(&raw, "Bcc");
    let sender = call.user.clone();
    let mailbox = world
        .gmail
        .mailboxes
        .get_mut(&sender)
        .ok_or_else(super::missing)?;
    let id = mailbox.add(
        &mut world.chance,
        Fresh {
            raw,
            labels,
            thread_id,
            at: call.now,
        },
    );
    let others: Vec<String> = index
        .recipients
        .into_iter()
        .filter(|recipient| *recipient != sender)
        .collect();
    receive(world, &others, &public, call.now);
    Ok(id)
}

/// Delivers a mail that Google itself sends.
pub(crate) fn deliver_notice(world: &mut World, notice: &Notice, now: Timestamp) {
    let letter = Letter {
        from: notice.from.clone(),
        to: notice
            .to
            .iter()
            .map(|address| (String::new(), address.clone()))
            .collect(),
        subject: notice.subject.clone(),
        message_id: format!("{}@notifications.google.com", world.chance.word(32)),
        text: notice.text.clone(),
        attachments: notice
            .calendar
            .iter()
            .map(|text| Attachment {
                name: "invite.ics".into(),
                content_type: "application/ics".into(),
                content: text.clone().into_bytes(),
            })
            .collect(),
        ..Letter::default()
    };
    receive(world, &notice.to, &letter.write(now), now);
}

/// Puts a message into the inboxes of those recipients who have one here.
fn receive(world: &mut World, recipients: &[String], raw: &[u8], at: Timestamp) {
    for recipient in recipients {
        let Some(mailbox) = world
            .gmail
            .mailboxes
            .get_mut(&recipient.to_ascii_lowercase())
        else {
            continue;
        };
        let labels = ["INBOX", "UNREAD", "CATEGORY_PERSONAL"]
            .map(str::to_owned)
            .to_vec();
        let fresh = Fresh {
            raw: raw.to_vec(),
            labels,
            thread_id: None,
            at,
        };
        mailbox.add(&mut world.chance, fresh);
    }
}

/// `From` as the account may write it, and the headers every sent message has.
fn corrected(call: &mut Call<'_>, mut raw: Vec<u8>) -> Vec<u8> {
    let index = Index::of(&raw);
    let own = super::mime::words(&call.user);
    if !index.from.contains(&own) {
        let name = call
            .world
            .user(&call.user)
            .map(|user| user.name.clone())
            .unwrap_or_default();
        raw = compose::without_header(&raw, "From");
        raw = compose::with_header(&raw, "From", &compose::mailbox(&(name, call.user.clone())));
    }
    if index.message_id.is_empty() {
        let id = format!("<CA{}@mail.gmail.com>", call.world.chance.word(40));
        raw = compose::with_header(
            &compose::without_header(&raw, "Message-ID"),
            "Message-ID",
            &id,
        );
    }
    if !compose::has_header(&raw, "Date") {
        raw = compose::with_header(&raw, "Date", &compose::rfc2822(call.now));
    }
    raw
}
