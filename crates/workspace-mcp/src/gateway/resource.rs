//! Files by reference: `resources/read`.

use std::time::Instant;

use base64::{Engine, engine::general_purpose::STANDARD};
use mcp_service::{Caller, model::ResourceContents};
use workspace_tools::{ToolError, resource::ResourceUri};

use super::{Gateway, owner, record::Record};

impl Gateway {
    /// The content of `uri` when it is a reference of ours to an account of the caller's own.
    pub(super) async fn resource(
        &self,
        uri: &str,
        caller: &Caller,
    ) -> Option<Vec<ResourceContents>> {
        let reference = ResourceUri::parse(uri)?;
        let started = Instant::now();
        let read = self.read(&reference, caller).await;
        let record = Record {
            tool: "resources/read",
            account: Some(reference.email.clone()),
            duration: started.elapsed(),
        };
        let outcome = if read.is_ok() { "success" } else { "failed" };
        record.write(outcome, &self.metrics);
        match read {
            Ok(contents) => Some(vec![contents(uri)]),
            Err(error) => {
                tracing::warn!(%error, "a resource could not be read");
                None
            }
        }
    }

    async fn read(
        &self,
        reference: &ResourceUri,
        caller: &Caller,
    ) -> Result<impl FnOnce(&str) -> ResourceContents, ToolError> {
        let principal = owner(&caller.principal);
        let cx = self.bound(&principal, Some(&reference.email), None).await?;
        let content = workspace_tools::resource::read(&cx, reference).await?;
        Ok(move |uri: &str| {
            let text = content
                .mime_type
                .starts_with("text/")
                .then(|| std::str::from_utf8(&content.bytes).ok())
                .flatten();
            match text {
                Some(text) => ResourceContents::text(text, uri),
                None => ResourceContents::blob(STANDARD.encode(&content.bytes), uri),
            }
            .with_mime_type(content.mime_type.clone())
        })
    }
}
