//! Drive: new files, listing, search, reading, moving, the trash.

use super::{Step, keeping, refused, step};

pub(super) const STEPS: &[Step] = &[
    keeping(
        "create_drive_folder",
        "in My Drive",
        r#"{"folder_name": "Plans"}"#,
        &[("folder", "/id")],
    ),
    keeping(
        "create_drive_file",
        "text",
        r#"{"file_name": "to do.txt", "content": "1. Seeds\n2. Spades\n", "folder_id": "{folder}"}"#,
        &[("todo", "/id")],
    ),
    keeping(
        "create_drive_file",
        "bytes",
        r#"{"file_name": "values.csv", "content_base64": "aXRlbSxldXJvcwpyZW50LDEyMDAK"}"#,
        &[("numbers", "/id")],
    ),
    step(
        "list_drive_items",
        "a folder",
        r#"{"folder_id": "{folder}"}"#,
    ),
    step("list_drive_items", "My Drive", "{}"),
    step(
        "search_drive_files",
        "in a folder",
        r#"{"query": "'{folder}' in parents"}"#,
    ),
    step(
        "search_drive_files",
        "a kind",
        r#"{"query": "mimeType = 'application/vnd.google-apps.folder'"}"#,
    ),
    step("search_drive_files", "a word", r#"{"query": "values"}"#),
    step(
        "get_drive_file_metadata",
        "of a file",
        r#"{"file_id": "{todo}"}"#,
    ),
    refused(
        "get_drive_file_metadata",
        "of an unknown id",
        r#"{"file_id": "gone00000000000000000000000000"}"#,
    ),
    step(
        "get_drive_file_content",
        "of text",
        r#"{"file_id": "{todo}"}"#,
    ),
    step(
        "download_drive_file",
        "as base64",
        r#"{"file_id": "{numbers}", "as": "base64"}"#,
    ),
    refused(
        "get_drive_file_content",
        "of a folder",
        r#"{"file_id": "{folder}"}"#,
    ),
    keeping(
        "list_drive_items",
        "a first page",
        r#"{"page_size": 1}"#,
        &[("files_page", "/nextPageToken")],
    ),
    step(
        "list_drive_items",
        "a second page",
        r#"{"page_size": 1, "page_token": "{files_page}"}"#,
    ),
    step(
        "update_drive_file",
        "a name",
        r#"{"file_id": "{todo}", "name": "garden.txt"}"#,
    ),
    step(
        "move_drive_file",
        "into a folder",
        r#"{"file_id": "{numbers}", "new_parent_id": "{folder}"}"#,
    ),
    step(
        "list_drive_items",
        "a folder then",
        r#"{"folder_id": "{folder}"}"#,
    ),
    step(
        "delete_drive_file",
        "to the trash",
        r#"{"file_id": "{numbers}"}"#,
    ),
    step(
        "list_drive_items",
        "a folder after that",
        r#"{"folder_id": "{folder}"}"#,
    ),
    step(
        "share_drive_file",
        "with a person",
        r#"{"file_id": "{todo}", "email": "sam@sandbox.example", "role": "reader", "notify": false}"#,
    ),
];
