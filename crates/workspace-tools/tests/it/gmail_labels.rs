//! Labels and the trash against the sandbox.

use foundation::Kind;
use serde_json::{Value, json};

use crate::world::{SAM, World};

async fn labels(world: &World, id: &str) -> Vec<String> {
    let parameters = [("userId", "me"), ("id", id), ("format", "minimal")];
    let message = world.google("gmail.users.messages.get", &parameters).await;
    let labels = message["labelIds"].as_array().cloned().unwrap_or_default();
    labels
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

async fn mail(world: &World, subject: &str) -> String {
    let mail = json!({"to": SAM, "subject": subject, "body": "x"});
    world.call("send_gmail_message", mail).await.expect("sent");
    world.act_as(SAM);
    world.message(subject).await.0
}

#[tokio::test]
async fn mail_is_marked_read_starred_and_archived() {
    let world = World::new().await;
    let id = mail(&world, "Sorting").await;
    assert!(labels(&world, &id).await.contains(&"UNREAD".to_owned()));
    let read = json!({"message_id": id});
    world
        .call("mark_gmail_message_read", read.clone())
        .await
        .expect("read");
    assert!(!labels(&world, &id).await.contains(&"UNREAD".to_owned()));
    world
        .call("mark_gmail_message_unread", read)
        .await
        .expect("unread");
    assert!(labels(&world, &id).await.contains(&"UNREAD".to_owned()));
    let change = json!({"message_id": id, "add_labels": ["starred"], "remove_labels": ["INBOX"]});
    let changed = world
        .call("modify_gmail_message", change)
        .await
        .expect("changed");
    assert!(
        changed
            .text
            .contains("Added labels: STARRED\nRemoved labels: INBOX"),
        "{}",
        changed.text
    );
    let now = labels(&world, &id).await;
    assert!(now.contains(&"STARRED".to_owned()) && !now.contains(&"INBOX".to_owned()));
    assert_eq!(
        changed.data["labelIds"].as_array().unwrap().len(),
        now.len()
    );
}

#[tokio::test]
async fn labels_go_by_name_and_slips_are_explained() {
    let world = World::new().await;
    let id = mail(&world, "Filing").await;
    let created = world
        .cx()
        .google
        .call("gmail.users.labels.create")
        .param("userId", "me")
        .body(json!({"name": "Projekt Žluť"}))
        .send()
        .await
        .expect("a label");
    let file = json!({"message_ids": [id], "add_label_ids": ["projekt žluť"]});
    let filed = world
        .call("batch_modify_gmail_message_labels", file)
        .await
        .expect("filed");
    assert_eq!(filed.data["added"], json!([created["id"]]));
    let slip = json!({"message_id": id, "add_label_ids": ["Projekt Žlut"]});
    let error = world
        .call("modify_gmail_message_labels", slip)
        .await
        .expect_err("unknown");
    assert_eq!(error.kind, Kind::NotFound);
    assert!(error.hint.unwrap().contains("did you mean Projekt Žluť?"));
    let nothing = json!({"message_id": id});
    assert!(
        world
            .call("modify_gmail_message_labels", nothing)
            .await
            .is_err()
    );
    let absent = json!({"message_id": "18c0ffee", "add_label_ids": ["STARRED"]});
    let error = world
        .call("modify_gmail_message_labels", absent)
        .await
        .expect_err("absent");
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test]
async fn several_messages_change_at_once() {
    let world = World::new().await;
    let (one, two) = (
        mail(&world, "First of two").await,
        mail(&world, "Second of two").await,
    );
    world.sandbox.forget_calls();
    let change = json!({"message_ids": [one, two], "remove_label_ids": ["UNREAD"]});
    world
        .call("modify_gmail_message_labels", change)
        .await
        .expect("changed");
    assert_eq!(world.sandbox.count("gmail.users.messages.batchModify"), 1);
    for id in [one, two] {
        assert!(!labels(&world, &id).await.contains(&"UNREAD".to_owned()));
    }
}

#[tokio::test]
async fn deleting_means_the_trash() {
    let world = World::new().await;
    let id = mail(&world, "Rubbish").await;
    world
        .call("delete_gmail_message", json!({"message_id": id}))
        .await
        .expect("trashed");
    assert!(labels(&world, &id).await.contains(&"TRASH".to_owned()));
    let again = json!({"message_id": id, "add_label_ids": ["trash"]});
    assert!(
        world
            .call("modify_gmail_message_labels", again)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn labels_are_made_renamed_and_deleted() {
    let world = World::new().await;
    let creation =
        json!({"action": "create", "name": "Garden", "label_list_visibility": "labelHide"});
    let made = world
        .call("manage_gmail_label", creation)
        .await
        .expect("made");
    let rename = json!({"action": "update", "label_id": "garden", "name": "Garden/Spring"});
    let renamed = world
        .call("manage_gmail_label", rename)
        .await
        .expect("renamed");
    assert_eq!(renamed.data["id"], made.data["id"]);
    assert_eq!(renamed.data["name"], "Garden/Spring");
    let delete = json!({"action": "delete", "label_id": made.data["id"]});
    world
        .call("manage_gmail_label", delete.clone())
        .await
        .expect("deleted");
    assert!(world.call("manage_gmail_label", delete).await.is_err());
    for wrong in [
        json!({"action": "create"}),
        json!({"action": "update", "name": "x"}),
        json!({"action": "update", "label_id": "Finance"}),
        json!({"action": "delete", "label_id": "INBOX"}),
    ] {
        assert!(
            world
                .call("manage_gmail_label", wrong.clone())
                .await
                .is_err(),
            "{wrong}"
        );
    }
}
