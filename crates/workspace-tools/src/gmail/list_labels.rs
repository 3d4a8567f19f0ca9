//! `list_gmail_labels`: the labels of a mailbox.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Access, Alias, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError};

/// Lists labels.
pub(super) struct ListLabels;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// All labels, Gmail's own first.
    labels: Vec<Label>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Label {
    id: String,
    name: String,
    /// `system` or `user`.
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    labels: Vec<Label>,
}

impl Tool for ListLabels {
    const META: Meta = Meta {
        name: "list_gmail_labels",
        title: "List Gmail labels",
        description: "List the labels of a mailbox with their ids.",
        service: Service::Gmail,
        tier: Tier::Core,
        access: Access::Read,
        idempotent: true,
        methods: &["gmail.users.labels.list"],
        outside_content: false,
        aliases: &[Alias::same("get_gmail_labels")],
        examples: &[Example {
            say: "Which labels do I have?",
            arguments: "{}",
            gives: "INBOX",
        }],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, _: Input) -> Result<Reply<Output>, ToolError> {
        let answer: Answer = cx
            .call("gmail.users.labels.list")
            .param("userId", "me")
            .fields("labels(id,name,type)")
            .send_as()
            .await?;
        let mut labels = answer.labels;
        labels.sort_by(|one, two| (&one.kind, &one.name).cmp(&(&two.kind, &two.name)));
        let text = text(&labels);
        Ok(Reply::new(Output { labels }, text))
    }
}

/// Names only for Gmail's own labels (their id is their name); ids for the others.
fn text(labels: &[Label]) -> String {
    if labels.is_empty() {
        return "No labels found.".to_owned();
    }
    let (system, user): (Vec<_>, Vec<_>) = labels.iter().partition(|label| label.kind == "system");
    let mut text = format!("Found {} labels.", labels.len());
    if !system.is_empty() {
        let names: Vec<&str> = system.iter().map(|label| label.id.as_str()).collect();
        text.push_str(&format!("\nGmail's own: {}", names.join(", ")));
    }
    for label in user {
        text.push_str(&format!("\n- {} (ID: {})", label.name, label.id));
    }
    text
}
