//! `share_drive_file`: give somebody access to a file or folder.

use google_api::Idempotency;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::file::{self, problem};
use crate::{
    Access, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, policy::Action, text,
};

/// Shares a file.
pub(super) struct ShareFile;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    /// Id or link.
    file_id: String,
    /// The person; or domain, or anyone.
    #[serde(default)]
    email: Option<String>,
    /// Everybody of this domain.
    #[serde(default)]
    domain: Option<String>,
    /// Everybody with the link.
    #[serde(default)]
    anyone: Option<bool>,
    /// What they may do (reader).
    #[serde(default)]
    role: Role,
    /// Send the person a mail (true).
    #[serde(default)]
    notify: Option<bool>,
    /// Words for that mail.
    #[serde(default)]
    message: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    #[default]
    Reader,
    Commenter,
    Writer,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    file_id: String,
    name: String,
    permission_id: String,
    role: Role,
    #[serde(rename = "type")]
    kind: String,
    shared_with: String,
    notified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_view_link: Option<String>,
}

/// Whom a file is shared with.
enum With {
    Person(String),
    Domain(String),
    Anyone,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    #[serde(default)]
    name: String,
    web_view_link: Option<String>,
}

#[derive(Deserialize)]
struct Created {
    id: String,
}

impl Tool for ShareFile {
    const META: Meta = Meta {
        name: "share_drive_file",
        title: "Share a Drive file",
        description: "Give a person, a domain or anyone with the link access to a file.",
        service: Service::Drive,
        tier: Tier::Core,
        access: Access::Write,
        idempotent: true,
        methods: &["drive.permissions.create", "drive.files.get"],
        outside_content: false,
        aliases: &[],
        examples: &[Example {
            say: "Let Sam comment on my to-do list, without a mail",
            arguments: r#"{"file_id": "{file:To do.txt}", "email": "sam@sandbox.example",
                "role": "commenter", "notify": false}"#,
            gives: "sam@sandbox.example may now comment on it",
        }],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let id = file::id(&input.file_id)?;
        let with = with(&input)?;
        let notify = matches!(with, With::Person(_)) && input.notify.unwrap_or(true);
        if input.message.is_some() && !notify {
            return Err(
                ToolError::input("a message goes with a mail, and none is sent")
                    .hint("share with an email and notify=true, or leave the message out"),
            );
        }
        // The name is what a person needs to see before confirming.
        let file: Named = cx
            .call("drive.files.get")
            .param("fileId", &id)
            .param("supportsAllDrives", true)
            .fields("name,webViewLink")
            .send_as()
            .await
            .map_err(|error| problem(error, &id))?;
        let name = text::line(&file.name);
        let what = format!("'{name}' ({})", input.role.name());
        cx.permit(&Action::Share {
            what: &what,
            with: with.name(),
            mailed: notify,
        })?;
        let created: Created = cx
            .call("drive.permissions.create")
            .param("fileId", &id)
            .param("supportsAllDrives", true)
            .param_opt("sendNotificationEmail", with.is_person().then_some(notify))
            .param_opt("emailMessage", input.message.as_deref())
            .fields("id")
            .body(with.body(input.role))
            // The same grantee again is the same permission, but a second mail is a second mail.
            .idempotency(if notify {
                Idempotency::Never
            } else {
                Idempotency::Keyed
            })
            .send_as()
            .await
            .map_err(|error| problem(error, &id))?;
        let mail = match (with.is_person(), notify) {
            (true, true) => " They were told by mail.",
            (true, false) => " No mail was sent.",
            (false, _) => "",
        };
        let mut text = format!(
            "Shared '{name}': {} may now {} it.{mail}",
            with.people(),
            input.role.verb()
        );
        if let Some(link) = &file.web_view_link {
            text.push_str(&format!("\nLink: {link}"));
        }
        text.push_str(&format!("\nFile ID: {id}, permission ID: {}", created.id));
        let data = Output {
            file_id: id,
            name: file.name,
            permission_id: created.id,
            role: input.role,
            kind: with.kind().to_owned(),
            shared_with: with.name().to_owned(),
            notified: notify,
            web_view_link: file.web_view_link,
        };
        Ok(Reply::new(data, text))
    }
}

fn with(input: &Input) -> Result<With, ToolError> {
    let given = |text: &Option<String>| {
        text.as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    match (
        given(&input.email),
        given(&input.domain),
        input.anyone.unwrap_or(false),
    ) {
        (Some(email), None, false) => {
            let parts = email.split_once('@');
            let plain =
                !email.contains([',', ';', ' ', '<', '>']) && !email.contains(char::is_control);
            match parts.filter(|(name, domain)| {
                plain && !name.is_empty() && domain.contains('.') && !domain.contains('@')
            }) {
                Some(_) => Ok(With::Person(email)),
                None => Err(ToolError::input(format!(
                    "\"{}\" is not one e-mail address",
                    text::line(&email)
                ))
                .hint("share with several people in several calls")),
            }
        }
        (None, Some(domain), false) => Ok(With::Domain(domain)),
        (None, None, true) => Ok(With::Anyone),
        (None, None, false) => Err(ToolError::input("it is not said with whom to share")
            .hint("give email, domain, or anyone=true")),
        _ => Err(ToolError::input(
            "give only one of email, domain and anyone",
        )),
    }
}

impl With {
    fn kind(&self) -> &'static str {
        match self {
            Self::Person(_) => "user",
            Self::Domain(_) => "domain",
            Self::Anyone => "anyone",
        }
    }

    fn is_person(&self) -> bool {
        matches!(self, Self::Person(_))
    }

    /// The name that the policy judges.
    fn name(&self) -> &str {
        match self {
            Self::Person(name) | Self::Domain(name) => name,
            Self::Anyone => "anyone",
        }
    }

    fn people(&self) -> String {
        match self {
            Self::Person(address) => address.clone(),
            Self::Domain(domain) => format!("everybody of {domain}"),
            Self::Anyone => "anyone with the link".to_owned(),
        }
    }

    fn body(&self, role: Role) -> serde_json::Value {
        let mut body = json!({"type": self.kind(), "role": role.name()});
        match self {
            Self::Person(address) => body["emailAddress"] = json!(address),
            Self::Domain(domain) => body["domain"] = json!(domain),
            Self::Anyone => {}
        }
        body
    }
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Commenter => "commenter",
            Self::Writer => "writer",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Reader => "read",
            Self::Commenter => "comment on",
            Self::Writer => "edit",
        }
    }
}
