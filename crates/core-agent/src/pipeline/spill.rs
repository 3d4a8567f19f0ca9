//! Results too large for an answer, kept aside under the hash of what they are.
//!
//! Invariant: a result is read only by whom it was made for.

/// Which part of a kept result.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// A JSON pointer into the result, such as `/structuredContent/items/0`; all of it when
    /// absent.
    pub pointer: Option<String>,
    /// The character to begin with.
    pub start: usize,
    /// How many characters at most.
    pub length: Option<usize>,
}

/// A part of a kept result.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The text; JSON unless the part is a text itself.
    pub text: String,
    /// The character it begins with.
    pub start: usize,
    /// Characters altogether.
    pub total: usize,
    /// The character to go on with, when there is more.
    pub next: Option<usize>,
    /// The server and the tool it came from.
    pub server: String,
    /// The hub's name of the tool.
    pub tool: String,
}

/// Why a kept result cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// There is none, or it is somebody else's.
    #[error("no result {0} is kept for you: results are kept for a day; make the call again")]
    NotFound(String),
    /// The pointer leads nowhere.
    #[error("the result has nothing at {pointer}: {hint}")]
    NoSuchPart {
        /// The pointer.
        pointer: String,
        /// What there is instead.
        hint: String,
    },
    /// The database or the file.
    #[error("the result cannot be read: {0}")]
    Failed(String),
}
