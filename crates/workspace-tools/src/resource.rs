//! References to files, and how they are read.
//!
//! A reference names the account it belongs to, so that a client with several accounts reads the
//! right one; naming gives no access: the server checks that the account is the caller's own.

use std::fmt;

use bytes::Bytes;
use foundation::Kind;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{Service, ToolCx, ToolError, drive, gmail};

/// A file that was fetched.
#[derive(Clone, Debug)]
pub struct ResourceContent {
    /// Its media type.
    pub mime_type: String,
    /// Its name, harmless on every system.
    pub name: String,
    /// What it holds.
    pub bytes: Bytes,
}

/// Fetches the file behind a reference as the account `cx` is bound to; whoever calls has checked
/// that the reference names that account.
pub async fn read(cx: &ToolCx, uri: &ResourceUri) -> Result<ResourceContent, ToolError> {
    let service = match uri.target {
        Target::Attachment { .. } => Service::Gmail,
        Target::File { .. } => Service::Drive,
    };
    if !cx.services.contains(&service) {
        let problem = format!("this server does not offer {}", service.title());
        return Err(ToolError::new(Kind::Forbidden, problem)
            .hint("give the content itself, or have an administrator offer the service"));
    }
    match &uri.target {
        Target::Attachment { message, part } => gmail::read_resource(cx, message, part).await,
        Target::File { id } => drive::read_resource(cx, id).await,
    }
}

/// A file that can be fetched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResourceUri {
    /// The account's address.
    pub email: String,
    /// Which file.
    pub target: Target,
}

/// Which file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// A part of a message.
    Attachment {
        /// The message's id.
        message: String,
        /// The MIME part's id within the message, such as `1.2`. Unlike Gmail's attachment ids
        /// it stays the same from one read to the next.
        part: String,
    },
    /// A file in Drive.
    File {
        /// The file's id.
        id: String,
    },
}

impl fmt::Display for ResourceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        write!(f, "workspace://{}/", encode(&self.email))?;
        match &self.target {
            Target::Attachment { message, part } => {
                write!(
                    f,
                    "gmail/messages/{}/parts/{}",
                    encode(message),
                    encode(part)
                )
            }
            Target::File { id } => write!(f, "drive/files/{}", encode(id)),
        }
    }
}

impl ResourceUri {
    /// Reads a reference back; `None` when it is none of ours.
    pub fn parse(uri: &str) -> Option<Self> {
        let decode = |text: &str| {
            percent_decode_str(text)
                .decode_utf8()
                .ok()
                .map(String::from)
        };
        let mut segments = uri.strip_prefix("workspace://")?.split('/');
        let email = decode(segments.next()?)?;
        let rest: Vec<&str> = segments.collect();
        let target = match rest.as_slice() {
            ["gmail", "messages", message, "parts", part] => Target::Attachment {
                message: decode(message)?,
                part: decode(part)?,
            },
            ["drive", "files", id] => Target::File { id: decode(id)? },
            _ => return None,
        };
        Some(Self { email, target })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_survive_the_round_trip() {
        let targets = [
            Target::Attachment {
                message: "18c/ab".into(),
                part: "1.2".into(),
            },
            Target::File { id: "a b?c".into() },
        ];
        for target in targets {
            let uri = ResourceUri {
                email: "kim+x@sandbox.example".into(),
                target,
            };
            assert_eq!(ResourceUri::parse(&uri.to_string()), Some(uri));
        }
        assert_eq!(ResourceUri::parse("workspace://x/drive/files"), None);
        assert_eq!(ResourceUri::parse("file:///etc/passwd"), None);
    }
}
