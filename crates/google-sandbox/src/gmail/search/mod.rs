//! Gmail's search language.
//!
//! Not a full-text index: a few hundred messages are simply looked through. Invariant: every text
//! is a valid question; what is no operator is a word.

mod matching;
mod parser;

pub(super) use matching::{Context, matches};
pub(super) use parser::{Query, parse};

impl Query {
    /// Whether the question itself reaches into trash and spam.
    pub(super) fn reaches_hidden(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::reaches_hidden),
            Self::Not(_) | Self::Word(_) => false,
            Self::Operator(name, value) => {
                matches!(name.as_str(), "in" | "label" | "is")
                    && matches!(
                        value.to_ascii_lowercase().as_str(),
                        "trash" | "spam" | "anywhere"
                    )
            }
        }
    }
}
