//! Labels by name: people and models know names, Gmail wants ids.
//!
//! Invariant: a name that fits no label is an error that names the nearest one, never a new label.

use foundation::nearest;
use serde::Deserialize;

use crate::{ToolCx, ToolError, text};

/// Gmail's own labels; their id is their name.
const SYSTEM: &[&str] = &[
    "INBOX",
    "UNREAD",
    "STARRED",
    "IMPORTANT",
    "SPAM",
    "TRASH",
    "SENT",
    "DRAFT",
    "CHAT",
    "CATEGORY_PERSONAL",
    "CATEGORY_SOCIAL",
    "CATEGORY_PROMOTIONS",
    "CATEGORY_UPDATES",
    "CATEGORY_FORUMS",
];

/// A label.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Label {
    pub id: String,
    pub name: String,
}

/// The ids of the labels that `wanted` names, in that order.
pub(super) async fn ids(cx: &ToolCx, wanted: &[String]) -> Result<Vec<Label>, ToolError> {
    let own: Vec<Option<&'static str>> = wanted.iter().map(|name| system(name)).collect();
    let known = if own.iter().all(Option::is_some) {
        Vec::new()
    } else {
        list(cx).await?
    };
    wanted
        .iter()
        .zip(own)
        .map(|(wanted, own)| match own {
            Some(id) => Ok(Label {
                id: id.to_owned(),
                name: id.to_owned(),
            }),
            None => find(wanted, &known),
        })
        .collect()
}

async fn list(cx: &ToolCx) -> Result<Vec<Label>, ToolError> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        labels: Vec<Label>,
    }
    let answer: Answer = cx
        .call("gmail.users.labels.list")
        .param("userId", "me")
        .fields("labels(id,name)")
        .send_as()
        .await?;
    Ok(answer.labels)
}

fn find(wanted: &str, known: &[Label]) -> Result<Label, ToolError> {
    let wanted = wanted.trim();
    let exact = |label: &&Label| label.id == wanted || label.name == wanted;
    let folded = wanted.to_lowercase();
    let alike = |label: &&Label| label.name.to_lowercase() == folded;
    if let Some(found) = known
        .iter()
        .find(exact)
        .or_else(|| known.iter().find(alike))
    {
        return Ok(found.clone());
    }
    let near = nearest(wanted, known.iter().map(|label| label.name.as_str()));
    let hint = near.map_or_else(
        || "list_gmail_labels shows which there are".to_owned(),
        |near| format!("did you mean {near}? list_gmail_labels shows which there are"),
    );
    let wanted = text::line(wanted);
    Err(ToolError::new(
        foundation::Kind::NotFound,
        format!("there is no label \"{wanted}\""),
    )
    .hint(hint))
}

fn system(name: &str) -> Option<&'static str> {
    SYSTEM
        .iter()
        .copied()
        .find(|label| label.eq_ignore_ascii_case(name.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_slips_are_named() {
        let known = [
            ("Label_1", "Travel"),
            ("Label_2", "travel"),
            ("Label_3", "Work/Plans"),
        ]
        .map(|(id, name)| Label {
            id: id.into(),
            name: name.into(),
        });
        assert_eq!(find("travel", &known).unwrap().id, "Label_2");
        assert_eq!(find("WORK/plans", &known).unwrap().id, "Label_3");
        assert_eq!(find("Label_1", &known).unwrap().name, "Travel");
        let error = find("Travl", &known).unwrap_err();
        assert!(error.hint.unwrap().starts_with("did you mean"));
        assert_eq!(system("inbox"), Some("INBOX"));
    }
}
