//! Writing a message: from arguments to the bytes that are sent.
//!
//! Sending and drafting share it. Invariant: the bytes name exactly the recipients listed in
//! [`Composed::recipients`], which are the ones the policy is asked about.

use mail_builder::{
    MessageBuilder,
    headers::{
        address::Address as MailAddress, content_type::ContentType, date::Date,
        message_id::MessageId,
    },
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    address::{self, Address},
    attach::{self, Attached, File},
    body::{self, Prefer},
    header, html,
    html::Quotes,
    message::{self, Message},
    reply::{self, Audience, Derived},
};
use crate::{ToolCx, ToolError};

/// What Gmail takes at most, encoded.
const LARGEST: usize = 36_700_160;

/// Gmail's limit of recipients for one message.
const MOST_RECIPIENTS: usize = 500;

/// The arguments of sending and drafting.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Composition {
    /// Addresses with commas; derived when replying.
    #[serde(default)]
    to: Option<String>,
    /// Derived when replying.
    #[serde(default)]
    subject: Option<String>,
    /// Plain text.
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    html_body: Option<String>,
    #[serde(default)]
    cc: Option<String>,
    #[serde(default)]
    bcc: Option<String>,
    /// {name, content_base64 or path or drive_file_id or uri}
    #[serde(default)]
    #[schemars(with = "Vec<serde_json::Map<String, serde_json::Value>>")]
    attachments: Option<Vec<Attached>>,
    /// Answers it: sets recipients, subject, thread.
    #[serde(default)]
    reply_to_message_id: Option<String>,
    #[serde(default)]
    reply_all: Option<bool>,
    #[serde(default)]
    quote_original: Option<bool>,
    #[serde(default)]
    thread_id: Option<String>,
    /// Message-ID header answered.
    #[serde(default)]
    in_reply_to: Option<String>,
    #[serde(default)]
    references: Option<String>,
    /// Own alias to write as.
    #[serde(default)]
    from: Option<String>,
}

/// A message ready to be sent.
#[derive(Debug)]
pub(super) struct Composed {
    /// The whole message.
    pub raw: Vec<u8>,
    /// The thread it belongs to, if any.
    pub thread_id: Option<String>,
    /// Everybody who gets it.
    pub recipients: Vec<String>,
    /// Its subject.
    pub subject: String,
    /// Its own id, without brackets.
    pub message_id: String,
    /// How many files it carries.
    pub files: usize,
}

/// Everything a message is made of.
#[derive(Debug, Default)]
pub(super) struct Letter {
    pub from: Option<Address>,
    pub to: Vec<Address>,
    pub cc: Vec<Address>,
    pub bcc: Vec<Address>,
    pub subject: String,
    pub text: String,
    pub html: Option<String>,
    pub files: Vec<File>,
    pub in_reply_to: Vec<String>,
    pub references: Vec<String>,
    pub message_id: String,
    /// Seconds since 1970.
    pub date: i64,
}

/// Writes the message the arguments describe.
pub(super) async fn compose(cx: &ToolCx, input: &Composition) -> Result<Composed, ToolError> {
    let wanted = Wanted::read(input)?;
    let attached = input.attachments.as_deref().unwrap_or_default();
    let ((original, identities), files) = tokio::try_join!(
        async { tokio::try_join!(original(cx, input), identities(cx, input)) },
        attach::all(cx, attached)
    )?;
    let audience = if input.reply_all == Some(true) {
        Audience::All
    } else {
        Audience::Sender
    };
    let own: Vec<String> = identities
        .iter()
        .map(|one| one.send_as_email.clone())
        .collect();
    let derived = original
        .as_ref()
        .map(|original| reply::derive(original, &own, audience));
    let from = sender(input, &identities)?;
    let (text, html) = bodies(input, original.as_ref())?;
    let mut letter = wanted.letter(derived.as_ref());
    let own_address = from
        .as_ref()
        .map_or(cx.email.as_str(), |from| from.email.as_str());
    let domain = own_address
        .rsplit_once('@')
        .map_or("localhost", |(_, domain)| domain);
    letter.message_id = format!("{}@{domain}", cx.random.hex(16));
    letter.date = cx.now().as_second();
    letter.from = from;
    letter.text = text;
    letter.html = html;
    letter.files = files;
    let thread_id = input
        .thread_id
        .clone()
        .or_else(|| derived.map(|derived| derived.thread_id));
    finish(letter, thread_id)
}

/// The bytes of a letter.
pub(super) fn write(letter: &Letter) -> Vec<u8> {
    let mut builder = MessageBuilder::new();
    if let Some(from) = &letter.from {
        builder = builder.from(mailbox(from));
    }
    for (name, addresses) in [("To", &letter.to), ("Cc", &letter.cc), ("Bcc", &letter.bcc)] {
        if !addresses.is_empty() {
            let list: Vec<_> = addresses.iter().map(mailbox).collect();
            builder = builder.header(name, MailAddress::new_list(list));
        }
    }
    builder = builder
        .subject(letter.subject.as_str())
        .date(Date::new(letter.date))
        .message_id(letter.message_id.as_str());
    if !letter.in_reply_to.is_empty() {
        let ids = letter.in_reply_to.iter().map(String::as_str);
        builder = builder.in_reply_to(MessageId::new_list(ids));
    }
    if !letter.references.is_empty() {
        let ids = letter.references.iter().map(String::as_str);
        builder = builder.references(MessageId::new_list(ids));
    }
    builder = builder.text_body(letter.text.as_str());
    if let Some(html) = &letter.html {
        builder = builder.html_body(html.as_str());
    }
    for file in &letter.files {
        let mut content_type = ContentType::new(file.mime_type.as_str());
        if file.mime_type.starts_with("text/") && std::str::from_utf8(&file.bytes).is_ok() {
            content_type = content_type.attribute("charset", "utf-8");
        }
        builder = builder.attachment(content_type, file.name.as_str(), file.bytes.as_ref());
    }
    let mut raw = Vec::new();
    builder.serialize(&mut raw);
    raw
}

/// The arguments that become header fields, checked.
struct Wanted {
    to: Option<Vec<Address>>,
    cc: Vec<Address>,
    bcc: Vec<Address>,
    subject: Option<String>,
    in_reply_to: Vec<String>,
    references: Vec<String>,
}

impl Wanted {
    fn read(input: &Composition) -> Result<Self, ToolError> {
        let addresses = |field: &str, written: &Option<String>| {
            address::list(field, written.as_deref().unwrap_or_default())
        };
        let ids = |field: &str, written: &Option<String>| {
            header::message_ids(field, written.as_deref().unwrap_or_default())
        };
        if let Some(subject) = &input.subject {
            header::check("subject", subject)?;
        }
        if input.reply_all == Some(true)
            && input.reply_to_message_id.is_none()
            && input.thread_id.is_none()
        {
            return Err(ToolError::input("reply_all needs the message to answer")
                .hint("give reply_to_message_id"));
        }
        let to = addresses("to", &input.to)?;
        Ok(Self {
            to: (!to.is_empty()).then_some(to),
            cc: addresses("cc", &input.cc)?,
            bcc: addresses("bcc", &input.bcc)?,
            subject: input.subject.clone(),
            in_reply_to: ids("in_reply_to", &input.in_reply_to)?,
            references: ids("references", &input.references)?,
        })
    }

    /// What was asked for, completed by what follows from the answered message.
    fn letter(self, derived: Option<&Derived>) -> Letter {
        let answers = derived.is_some() || !self.in_reply_to.is_empty();
        let mut letter = Letter {
            bcc: self.bcc,
            in_reply_to: self.in_reply_to,
            references: self.references,
            subject: self.subject.unwrap_or_default(),
            ..Letter::default()
        };
        if letter.subject.trim().is_empty() {
            letter.subject = derived
                .map(|derived| derived.subject.clone())
                .unwrap_or_default();
        } else if answers {
            letter.subject = reply::reply_subject(&letter.subject);
        }
        if let Some(derived) = derived {
            if letter.in_reply_to.is_empty() {
                letter.in_reply_to.extend(derived.in_reply_to.clone());
            }
            if letter.references.is_empty() {
                letter.references.clone_from(&derived.references);
            }
            letter.cc.clone_from(&derived.cc);
        }
        if letter.references.is_empty() {
            letter.references.clone_from(&letter.in_reply_to);
        }
        letter.to = match (self.to, derived) {
            (Some(to), _) => to,
            (None, Some(derived)) => derived.to.clone(),
            (None, None) => Vec::new(),
        };
        letter.cc.extend(self.cc);
        let mut seen = Vec::new();
        reply::once(&mut letter.to, &mut seen);
        reply::once(&mut letter.cc, &mut seen);
        reply::once(&mut letter.bcc, &mut seen);
        letter
    }
}

fn finish(letter: Letter, thread_id: Option<String>) -> Result<Composed, ToolError> {
    let recipients: Vec<String> = [&letter.to, &letter.cc, &letter.bcc]
        .into_iter()
        .flatten()
        .map(|address| address.email.clone())
        .collect();
    if recipients.len() > MOST_RECIPIENTS {
        return Err(ToolError::input(format!(
            "there are {} recipients; Gmail takes {MOST_RECIPIENTS}",
            recipients.len()
        )));
    }
    let raw = write(&letter);
    if raw.len() > LARGEST {
        return Err(ToolError::input(format!(
            "the message has {} bytes when encoded; Gmail takes {LARGEST}",
            raw.len()
        ))
        .hint("upload large files with upload_drive_file and send their links"));
    }
    Ok(Composed {
        raw,
        thread_id,
        recipients,
        subject: letter.subject,
        message_id: letter.message_id,
        files: letter.files.len(),
    })
}

/// The text and the HTML, the answered message quoted below if wanted.
fn bodies(
    input: &Composition,
    original: Option<&Message>,
) -> Result<(String, Option<String>), ToolError> {
    let (text, html) = match (&input.body, &input.html_body) {
        (Some(text), html) => (text.clone(), html.clone()),
        (None, Some(html)) => (
            html::to_markdown(html, Quotes::Keep).text,
            Some(html.clone()),
        ),
        (None, None) => {
            return Err(ToolError::input("the message has no text").hint("give body or html_body"));
        }
    };
    if input.quote_original != Some(true) {
        return Ok((text, html));
    }
    let Some(original) = original.filter(|_| input.reply_to_message_id.is_some()) else {
        return Err(
            ToolError::input("quote_original needs the message to quote")
                .hint("give reply_to_message_id"),
        );
    };
    let attribution = reply::attribution(original);
    let plain = body::read(original, Prefer::Plain, Quotes::Keep).text;
    let quoted = reply::quoted_text(&text, &attribution, &plain);
    let html = html.map(|html| {
        let rich = body::raw_html(original)
            .map_or_else(|| html::from_text(&plain), |rich| html::sanitised(&rich));
        reply::quoted_html(&html, &attribution, &rich)
    });
    Ok((quoted, html))
}

/// An address this account may write as.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Identity {
    send_as_email: String,
    display_name: String,
    is_primary: bool,
    verification_status: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Identities {
    send_as: Vec<Identity>,
}

/// The addresses of this account; asked for only when they matter.
async fn identities(cx: &ToolCx, input: &Composition) -> Result<Vec<Identity>, ToolError> {
    let own = Identity {
        send_as_email: cx.email.clone(),
        is_primary: true,
        ..Identity::default()
    };
    let answers = input.reply_to_message_id.is_some() || input.thread_id.is_some();
    let derives = answers && (input.to.is_none() || input.reply_all == Some(true));
    if input.from.is_none() && !derives {
        return Ok(vec![own]);
    }
    let asked: Result<Identities, _> = cx
        .call("gmail.users.settings.sendAs.list")
        .param("userId", "me")
        .fields("sendAs(sendAsEmail,displayName,isPrimary,verificationStatus)")
        .send_as()
        .await;
    match asked {
        Ok(identities) => {
            let mut all = identities.send_as;
            if !all
                .iter()
                .any(|one| one.send_as_email.eq_ignore_ascii_case(&cx.email))
            {
                all.push(own);
            }
            Ok(all)
        }
        // Knowing the aliases refines a reply; only writing as one depends on it.
        Err(_) if input.from.is_none() => Ok(vec![own]),
        Err(error) => Err(error.into()),
    }
}

/// Who writes; `None` leaves it to Gmail, which knows the account's default.
fn sender(input: &Composition, identities: &[Identity]) -> Result<Option<Address>, ToolError> {
    let Some(from) = input.from.as_deref().filter(|from| !from.trim().is_empty()) else {
        return Ok(None);
    };
    let [asked] = address::list("from", from)?
        .try_into()
        .map_err(|_| ToolError::input("from must be a single address"))?;
    let usable =
        |one: &&Identity| one.is_primary || one.verification_status.as_deref() == Some("accepted");
    let found = identities
        .iter()
        .filter(usable)
        .find(|one| asked.is(&one.send_as_email));
    let Some(found) = found else {
        let allowed: Vec<&str> = identities
            .iter()
            .filter(usable)
            .map(|one| one.send_as_email.as_str())
            .collect();
        return Err(
            ToolError::input(format!("this account may not write as {}", asked.email))
                .hint(format!("it may write as: {}", allowed.join(", "))),
        );
    };
    let name = if asked.name.is_empty() {
        header::defused(&found.display_name)
    } else {
        asked.name
    };
    Ok(Some(Address {
        name,
        email: found.send_as_email.clone(),
    }))
}

/// The header fields an answer depends on.
const ANSWERED: &[&str] = &[
    "From",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Date",
];

/// The message that is answered, if any.
async fn original(cx: &ToolCx, input: &Composition) -> Result<Option<Message>, ToolError> {
    if let Some(id) = &input.reply_to_message_id {
        if input.quote_original == Some(true) {
            return message::load(cx, id).await.map(Some);
        }
        return cx
            .call("gmail.users.messages.get")
            .param("userId", "me")
            .param("id", id)
            .param("format", "metadata")
            .params("metadataHeaders", ANSWERED)
            .fields("id,threadId,internalDate,payload/headers")
            .send_as()
            .await
            .map(Some)
            .map_err(|error| message::not_found(error, "message", id));
    }
    match &input.thread_id {
        Some(id) if input.in_reply_to.is_none() => newest(cx, id).await.map(Some),
        _ => Ok(None),
    }
}

/// The newest message of a thread that was sent or received.
async fn newest(cx: &ToolCx, thread: &str) -> Result<Message, ToolError> {
    #[derive(Deserialize)]
    struct Thread {
        #[serde(default)]
        messages: Vec<Message>,
    }
    let found: Thread = cx
        .call("gmail.users.threads.get")
        .param("userId", "me")
        .param("id", thread)
        .param("format", "metadata")
        .params("metadataHeaders", ANSWERED)
        .fields("messages(id,threadId,labelIds,internalDate,payload/headers)")
        .send_as()
        .await
        .map_err(|error| message::not_found(error, "thread", thread))?;
    let settled = |message: &Message| {
        !message
            .label_ids
            .iter()
            .any(|label| matches!(label.as_str(), "DRAFT" | "TRASH"))
    };
    found
        .messages
        .into_iter()
        .rev()
        .find(settled)
        .ok_or_else(|| ToolError::input(format!("the thread {thread} has no message to answer")))
}

fn mailbox(address: &Address) -> MailAddress<'_> {
    let name = Some(address.name.as_str()).filter(|name| !name.is_empty());
    MailAddress::new_address(name, address.email.as_str())
}
