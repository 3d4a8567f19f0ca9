//! Finding a folder by its id, its link, its path or its name.
//!
//! Invariant: an ambiguous name is an error that lists the candidates, never a guess.

use foundation::Kind;

use super::{
    file::{FOLDER, Listed, id_of_link, is_id},
    query::quoted,
};
use crate::{ToolCx, ToolError, text};

/// How many folders a path may name.
const DEEPEST: usize = 20;

/// The id of the folder a caller named; `root` stays `root`.
pub(super) async fn resolve(cx: &ToolCx, given: &str) -> Result<String, ToolError> {
    let given = given.trim();
    if matches!(given, "" | "/" | "root") || given.eq_ignore_ascii_case("my drive") {
        return Ok("root".to_owned());
    }
    if given.starts_with("https://") || given.starts_with("http://") {
        return id_of_link(given).filter(|id| is_id(id)).ok_or_else(|| {
            ToolError::input("this is not a link to a folder in Drive")
                .hint("give the folder's id, its link, or its path such as Projects/Atlas")
        });
    }
    if looks_like_id(given) {
        return Ok(given.to_owned());
    }
    if given.contains('/') {
        return by_path(cx, given).await;
    }
    by_name(cx, given, None).await
}

/// Ids are long, without blanks, and mix digits with letters. What looks like one but is a name
/// can be written as a path, with a slash in front.
fn looks_like_id(text: &str) -> bool {
    is_id(text)
        && text.len() >= 10
        && text.chars().any(|c| c.is_ascii_digit())
        && text.chars().any(|c| c.is_ascii_alphabetic())
}

async fn by_path(cx: &ToolCx, path: &str) -> Result<String, ToolError> {
    let mut names: Vec<&str> = path
        .split('/')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    if names
        .first()
        .is_some_and(|name| name.eq_ignore_ascii_case("my drive"))
    {
        names.remove(0);
    }
    if names.len() > DEEPEST {
        return Err(ToolError::input(format!(
            "a path has at most {DEEPEST} folders"
        )));
    }
    let mut folder = "root".to_owned();
    for name in names {
        folder = by_name(cx, name, Some(&folder)).await?;
    }
    Ok(folder)
}

async fn by_name(cx: &ToolCx, name: &str, parent: Option<&str>) -> Result<String, ToolError> {
    let mut query = format!(
        "name = {} and mimeType = '{FOLDER}' and trashed = false",
        quoted(name)
    );
    if let Some(parent) = parent {
        query.push_str(&format!(" and {} in parents", quoted(parent)));
    }
    let found: Listed = cx
        .call("drive.files.list")
        .param("q", query)
        .param("pageSize", 10)
        .param("supportsAllDrives", true)
        .param("includeItemsFromAllDrives", true)
        .fields("files(id,name,mimeType,webViewLink)")
        .send_as()
        .await?;
    match found.files.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => Err(ToolError::new(
            Kind::NotFound,
            format!(
                "there is no folder \"{}\" {}",
                text::line(name),
                place(parent)
            ),
        )
        .hint("search_drive_files with file_type=folder finds folders and their ids")),
        several => {
            let ids: Vec<&str> = several.iter().map(|file| file.id.as_str()).collect();
            Err(ToolError::input(format!(
                "several folders {} are called \"{}\"",
                place(parent),
                text::line(name)
            ))
            .hint(format!("give one of these ids: {}", ids.join(", "))))
        }
    }
}

fn place(parent: Option<&str>) -> String {
    match parent {
        None => "in this Drive".to_owned(),
        Some("root") => "at the top of My Drive".to_owned(),
        Some(parent) => format!("in the folder {parent}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_names() {
        for id in [
            "0AJx3PVA9kQ8ZUk9PVA",
            "1f5Zr0Q2vYx8Kk3nWm7TqUe1LbCdEfGhI",
            "1234567890a",
        ] {
            assert!(looks_like_id(id), "{id}");
        }
        for name in [
            "Projects",
            "Finance 2026",
            "Q1",
            "a/b/c/d/e/f1",
            "Größe1234567",
        ] {
            assert!(!looks_like_id(name), "{name}");
        }
    }
}
