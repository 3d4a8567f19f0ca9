//! `manage_gmail_label`: create, change or delete a label.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{labels, message};
use crate::{Access, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError, text};

/// Manages a label.
pub(super) struct ManageLabel;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    action: Action,
    /// The new name; a slash nests.
    #[serde(default)]
    name: Option<String>,
    /// Id or name of the label to change.
    #[serde(default)]
    label_id: Option<String>,
    #[serde(default)]
    label_list_visibility: Option<InLabels>,
    #[serde(default)]
    message_list_visibility: Option<InMessages>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Action {
    Create,
    Update,
    Delete,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::enum_variant_names, reason = "the names are Google's")]
enum InLabels {
    LabelShow,
    LabelShowIfUnread,
    LabelHide,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum InMessages {
    Show,
    Hide,
}

#[derive(Deserialize, Serialize, JsonSchema)]
pub(super) struct Output {
    id: String,
    name: String,
}

impl Tool for ManageLabel {
    const META: Meta = Meta {
        name: "manage_gmail_label",
        title: "Manage a Gmail label",
        description: "Create, rename or delete a label; deleting keeps its messages.",
        service: Service::Gmail,
        tier: Tier::Extended,
        access: Access::Destructive,
        idempotent: false,
        methods: &[
            "gmail.users.labels.create",
            "gmail.users.labels.patch",
            "gmail.users.labels.delete",
            "gmail.users.labels.list",
        ],
        outside_content: false,
        aliases: &[],
        examples: &[Example {
            say: "Make a label for the garden project",
            arguments: r#"{"action": "create", "name": "Projects/Garden"}"#,
            gives: "Label created.\nName: Projects/Garden",
        }],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let (label, done) = match input.action {
            Action::Create => (create(cx, &input).await?, "created"),
            Action::Update => (update(cx, &input).await?, "updated"),
            Action::Delete => (delete(cx, &input).await?, "deleted"),
        };
        let text = format!(
            "Label {done}.\nName: {}\nID: {}",
            text::line(&label.name),
            label.id
        );
        Ok(Reply::new(label, text))
    }
}

async fn create(cx: &ToolCx, input: &Input) -> Result<Output, ToolError> {
    if input
        .name
        .as_deref()
        .is_none_or(|name| name.trim().is_empty())
    {
        return Err(ToolError::input("a new label needs a name"));
    }
    let label = cx
        .call("gmail.users.labels.create")
        .param("userId", "me")
        .fields("id,name")
        .body(Value::Object(wanted(input)))
        .send_as()
        .await?;
    Ok(label)
}

async fn update(cx: &ToolCx, input: &Input) -> Result<Output, ToolError> {
    let wanted = wanted(input);
    if wanted.is_empty() {
        return Err(ToolError::input("there is nothing to change")
            .hint("give name, label_list_visibility or message_list_visibility"));
    }
    let label = existing(cx, input).await?;
    cx.call("gmail.users.labels.patch")
        .param("userId", "me")
        .param("id", &label.id)
        .fields("id,name")
        .body(Value::Object(wanted))
        .send_as()
        .await
        .map_err(|error| message::not_found(error, "label", &label.id))
}

async fn delete(cx: &ToolCx, input: &Input) -> Result<Output, ToolError> {
    let label = existing(cx, input).await?;
    cx.call("gmail.users.labels.delete")
        .param("userId", "me")
        .param("id", &label.id)
        .send()
        .await
        .map_err(|error| message::not_found(error, "label", &label.id))?;
    Ok(Output {
        id: label.id,
        name: label.name,
    })
}

async fn existing(cx: &ToolCx, input: &Input) -> Result<labels::Label, ToolError> {
    let wanted: Vec<String> = input.label_id.iter().cloned().collect();
    let found = labels::ids(cx, &wanted).await?.into_iter().next();
    found.ok_or_else(|| ToolError::input("which label is missing").hint("give label_id"))
}

fn wanted(input: &Input) -> Map<String, Value> {
    let mut wanted = Map::new();
    if let Some(name) = &input.name {
        wanted.insert("name".to_owned(), json!(name.trim()));
    }
    if let Some(visibility) = input.label_list_visibility {
        wanted.insert("labelListVisibility".to_owned(), json!(visibility));
    }
    if let Some(visibility) = input.message_list_visibility {
        wanted.insert("messageListVisibility".to_owned(), json!(visibility));
    }
    wanted
}
