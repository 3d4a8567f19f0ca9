//! What a tool gives back: typed data, a text for reading, and parts beside them.
//!
//! The data is complete. The text says what matters in the order a person would, and carries long
//! content (a mail body, a document) because some clients read nothing else.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::ToolError;

/// A tool's answer with its data typed.
#[derive(Debug)]
pub struct Reply<T> {
    /// The data.
    pub data: T,
    /// The text for reading.
    pub text: String,
    /// Images and references that travel beside the text.
    pub parts: Vec<Part>,
}

impl<T> Reply<T> {
    /// Data with its text.
    pub fn new(data: T, text: impl Into<String>) -> Self {
        Self {
            data,
            text: text.into(),
            parts: Vec::new(),
        }
    }

    /// The same answer with one more part.
    #[must_use]
    pub fn with(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }
}

impl<T: Serialize> Reply<T> {
    pub(crate) fn erase(self) -> Result<Outcome, ToolError> {
        let data = serde_json::to_value(self.data).map_err(ToolError::internal)?;
        Ok(Outcome {
            data,
            text: self.text,
            parts: self.parts,
        })
    }
}

/// A tool's answer with its type erased.
#[derive(Debug)]
pub struct Outcome {
    /// The data, a JSON object.
    pub data: Value,
    /// The text for reading.
    pub text: String,
    /// Images and references that travel beside the text.
    pub parts: Vec<Part>,
}

/// Something that is not text.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// A picture to look at.
    Image {
        /// Its media type.
        mime_type: String,
        /// Its bytes.
        bytes: Bytes,
    },
    /// A file that can be fetched by its URI.
    Link {
        /// What [`crate::resource`] reads.
        uri: String,
        /// The file's name.
        name: String,
        /// Its media type.
        mime_type: Option<String>,
        /// Its size in bytes.
        size: Option<u64>,
    },
}
