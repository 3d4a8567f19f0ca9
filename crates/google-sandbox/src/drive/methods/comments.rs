//! `comments.*` and `replies.*`.
//!
//! Invariant: deleted comments keep their place and lose their words.

use serde_json::{Value, json};

use super::{require_fields, viewer};
use crate::{
    call::{Call, Reply},
    drive::{
        file::{Answer, Comment, Role},
        render,
        state::{Viewer, not_permitted},
    },
    error::ApiError,
};

/// Comments take no `supportsAllDrives`.
fn everywhere(call: &Call<'_>) -> Viewer {
    Viewer {
        all_drives: true,
        ..viewer(call)
    }
}

pub(in super::super) fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    require_fields(call)?;
    let viewer = everywhere(call);
    let file = call.world.drive.visible(call.required("fileId"), &viewer)?;
    let since = match call.text("startModifiedTime") {
        None => None,
        Some(text) => Some(
            text.parse::<jiff::Timestamp>()
                .map_err(|_| super::invalid("startModifiedTime"))?,
        ),
    };
    let deleted = call.flag("includeDeleted");
    let mut found: Vec<&Comment> = file
        .comments
        .iter()
        .filter(|comment| deleted || !comment.deleted)
        .filter(|comment| since.is_none_or(|since| comment.modified >= since))
        .collect();
    found.sort_by_key(|comment| std::cmp::Reverse(comment.modified));
    let size = call.page_size("pageSize", 20, 100);
    let (page, next) = call.page(found, size)?;
    let comments: Vec<Value> = page
        .into_iter()
        .map(|comment| show(call, comment, &viewer))
        .collect();
    let mut answer = json!({"kind": "drive#commentList", "comments": comments});
    if let Some(next) = next {
        answer["nextPageToken"] = json!(next);
    }
    Ok(Reply::json(answer))
}

pub(in super::super) fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    require_fields(call)?;
    let viewer = everywhere(call);
    let file = call
        .world
        .drive
        .visible(call.required("fileId"), &viewer)?
        .id
        .clone();
    let comment = find(call, &file)?;
    Ok(Reply::json(show(call, comment, &viewer)))
}

pub(in super::super) fn create(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    require_fields(call)?;
    let viewer = everywhere(call);
    let file = call
        .world
        .drive
        .allowed(call.required("fileId"), &viewer, Role::Commenter)?;
    let text = words(call)?;
    let quoted = call.body["quotedFileContent"]["value"]
        .as_str()
        .map(str::to_owned);
    let comment = Comment {
        id: format!("AAAA{}", call.world.chance.word(7)),
        author: call.user.clone(),
        text,
        quoted,
        created: call.now,
        modified: call.now,
        resolved: false,
        deleted: false,
        replies: Vec::new(),
    };
    let answer = show(call, &comment, &viewer);
    call.world
        .drive
        .change(&file, call.now, |file| file.comments.push(comment));
    Ok(Reply::json(answer))
}

pub(in super::super) fn update(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    require_fields(call)?;
    let viewer = everywhere(call);
    let text = words(call)?;
    let now = call.now;
    let mut comment = own(call, &viewer)?;
    comment.text = text;
    comment.modified = now;
    let answer = show(call, &comment, &viewer);
    put(call, &viewer, comment)?;
    Ok(Reply::json(answer))
}

pub(in super::super) fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let viewer = everywhere(call);
    let now = call.now;
    let mut comment = own(call, &viewer)?;
    comment.deleted = true;
    comment.modified = now;
    put(call, &viewer, comment)?;
    Ok(Reply::empty())
}

pub(in super::super) fn reply(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    require_fields(call)?;
    let viewer = everywhere(call);
    let file = call
        .world
        .drive
        .allowed(call.required("fileId"), &viewer, Role::Commenter)?;
    let action = match call.body_text("action") {
        None => None,
        Some(action @ ("resolve" | "reopen")) => Some(action.to_owned()),
        Some(_) => return Err(super::invalid("action")),
    };
    let text = if action.is_some() {
        call.body_text("content").unwrap_or_default().to_owned()
    } else {
        words(call)?
    };
    let mut comment = find(call, &file)?.clone();
    let answer = Answer {
        id: format!("AAAA{}", call.world.chance.word(7)),
        author: call.user.clone(),
        text,
        created: call.now,
        action: action.clone(),
    };
    let shown = show_answer(call, &answer, &viewer);
    comment.replies.push(answer);
    comment.modified = call.now;
    if let Some(action) = action {
        comment.resolved = action == "resolve";
    }
    put(call, &viewer, comment)?;
    Ok(Reply::json(shown))
}

pub(in super::super) fn replies(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    require_fields(call)?;
    let viewer = everywhere(call);
    let file = call
        .world
        .drive
        .visible(call.required("fileId"), &viewer)?
        .id
        .clone();
    let comment = find(call, &file)?;
    let size = call.page_size("pageSize", 20, 100);
    let (page, next) = call.page(comment.replies.iter().collect(), size)?;
    let replies: Vec<Value> = page
        .into_iter()
        .map(|answer| show_answer(call, answer, &viewer))
        .collect();
    let mut answer = json!({"kind": "drive#replyList", "replies": replies});
    if let Some(next) = next {
        answer["nextPageToken"] = json!(next);
    }
    Ok(Reply::json(answer))
}

fn words(call: &Call<'_>) -> Result<String, ApiError> {
    call.body_text("content")
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| {
            ApiError::new(400, "required", "The content field is required.").at_parameter("content")
        })
}

fn find<'a>(call: &'a Call<'_>, file: &str) -> Result<&'a Comment, ApiError> {
    let asked = call.required("commentId");
    call.world.drive.files[file]
        .comments
        .iter()
        .find(|comment| comment.id == asked && !comment.deleted)
        .ok_or_else(|| {
            ApiError::not_found(format!("Comment not found: {asked}.")).at_parameter("commentId")
        })
}

/// The comment, if the caller wrote it.
fn own(call: &Call<'_>, viewer: &Viewer) -> Result<Comment, ApiError> {
    let file = call
        .world
        .drive
        .visible(call.required("fileId"), viewer)?
        .id
        .clone();
    let comment = find(call, &file)?;
    if comment.author != call.user {
        return Err(not_permitted(&file));
    }
    Ok(comment.clone())
}

fn put(call: &mut Call<'_>, viewer: &Viewer, comment: Comment) -> Result<(), ApiError> {
    let file = call
        .world
        .drive
        .visible(call.required("fileId"), viewer)?
        .id
        .clone();
    call.world.drive.change(&file, call.now, |file| {
        if let Some(known) = file
            .comments
            .iter_mut()
            .find(|known| known.id == comment.id)
        {
            *known = comment;
        }
    });
    Ok(())
}

fn show(call: &Call<'_>, comment: &Comment, viewer: &Viewer) -> Value {
    let mut value = json!({
        "kind": "drive#comment",
        "id": comment.id,
        "createdTime": render::stamp(comment.created),
        "modifiedTime": render::stamp(comment.modified),
        "resolved": comment.resolved,
        "deleted": comment.deleted,
        "author": author(call, &comment.author, viewer),
        "replies": comment
            .replies
            .iter()
            .map(|answer| show_answer(call, answer, viewer))
            .collect::<Vec<_>>(),
    });
    if !comment.deleted {
        value["content"] = json!(comment.text);
        value["htmlContent"] = json!(crate::drive::office::escape(&comment.text));
        if let Some(quoted) = &comment.quoted {
            value["quotedFileContent"] = json!({"mimeType": "text/html", "value": quoted});
        }
    }
    value
}

fn show_answer(call: &Call<'_>, answer: &Answer, viewer: &Viewer) -> Value {
    let mut value = json!({
        "kind": "drive#reply",
        "id": answer.id,
        "createdTime": render::stamp(answer.created),
        "modifiedTime": render::stamp(answer.created),
        "deleted": false,
        "content": answer.text,
        "htmlContent": crate::drive::office::escape(&answer.text),
        "author": author(call, &answer.author, viewer),
    });
    if let Some(action) = &answer.action {
        value["action"] = json!(action);
    }
    value
}

/// Comments name their authors without the address.
fn author(call: &Call<'_>, address: &str, viewer: &Viewer) -> Value {
    json!({
        "kind": "drive#user",
        "displayName": render::display_name(call.world, address),
        "me": address == viewer.email,
    })
}
