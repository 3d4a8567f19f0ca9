//! `changes.*`: what happened since a point in time.
//!
//! Invariant: a page token is the position of the next change, so that a client that keeps the
//! last token misses nothing and sees nothing twice.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{invalid, viewer};
use crate::{
    call::{Call, Reply},
    drive::render,
    error::ApiError,
};

#[expect(clippy::unnecessary_wraps, reason = "the shape of a handler")]
pub(in super::super) fn start(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let next = call.world.drive.changes.len() + 1;
    Ok(Reply::json(
        json!({"kind": "drive#startPageToken", "startPageToken": next.to_string()}),
    ))
}

pub(in super::super) fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let viewer = viewer(call);
    let state = &call.world.drive;
    let start: usize = call
        .required("pageToken")
        .parse()
        .ok()
        .filter(|start| (1..=state.changes.len() + 1).contains(start))
        .ok_or_else(|| invalid("pageToken"))?;
    let size = call.page_size("pageSize", 100, 1000);
    let removed = call.flag_or("includeRemoved", true);
    let mut changes: Vec<Value> = Vec::new();
    let mut seen = BTreeSet::new();
    let end = (start + size).min(state.changes.len() + 1);
    // The newest change of a file stands for all of its changes on the page.
    for change in state.changes[start - 1..end - 1].iter().rev() {
        if !seen.insert(&change.file_id) {
            continue;
        }
        let mut entry = json!({
            "kind": "drive#change",
            "changeType": "file",
            "type": "file",
            "time": render::stamp(change.at),
            "fileId": change.file_id,
        });
        match state.files.get(&change.file_id) {
            Some(file) if state.role(file, &viewer).is_some() => {
                entry["removed"] = json!(false);
                entry["file"] = render::file(call.world, file, &viewer);
            }
            None if removed && change.removed_for.contains(&viewer.email) => {
                entry["removed"] = json!(true);
            }
            _ => continue,
        }
        changes.push(entry);
    }
    changes.reverse();
    let mut answer = json!({"kind": "drive#changeList", "changes": changes});
    let last = end > state.changes.len();
    let token = if last {
        "newStartPageToken"
    } else {
        "nextPageToken"
    };
    answer[token] = json!(end.to_string());
    Ok(Reply::json(answer))
}
