//! Google Drive tools.

use crate::{Entry, ToolCx, ToolError, file_name, resource::ResourceContent, tool::entry};

mod charset;
mod content;
mod create;
mod create_file;
mod create_folder;
mod delete_file;
mod download_file;
mod file;
mod folder;
mod get_content;
mod get_metadata;
mod list_items;
mod move_file;
mod query;
mod scope;
mod search_files;
mod share_file;
mod update_file;

/// The registry of this service.
pub(crate) const TOOLS: &[Entry] = &[
    entry::<search_files::SearchFiles>(),
    entry::<list_items::ListItems>(),
    entry::<get_metadata::GetMetadata>(),
    entry::<get_content::GetContent>(),
    entry::<download_file::DownloadFile>(),
    entry::<create_file::CreateFile>(),
    entry::<create_folder::CreateFolder>(),
    entry::<share_file::ShareFile>(),
    entry::<move_file::MoveFile>(),
    entry::<update_file::UpdateFile>(),
    entry::<delete_file::DeleteFile>(),
];

/// Fetches a file behind a reference; native files in the format of the Office program.
pub(crate) async fn read_resource(cx: &ToolCx, id: &str) -> Result<ResourceContent, ToolError> {
    let id = file::id(id)?;
    let source = content::source(cx, &id).await?;
    let fetched = source.whole(cx, None, content::LARGEST).await?;
    let name = match content::file_format(&source.mime_type) {
        Some((_, extension)) => format!("{}.{extension}", source.name),
        None => source.name,
    };
    Ok(ResourceContent {
        mime_type: fetched.mime_type,
        name: file_name::safe(&name),
        bytes: fetched.bytes,
    })
}
