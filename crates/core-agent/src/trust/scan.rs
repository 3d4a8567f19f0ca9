//! Looks for words in descriptions and results that speak to a model behind a person's back.
//!
//! Deterministic and offline. Not a judgment of intent: it names what it saw.
//! Invariant: reading costs time linear in the text.

use serde::Serialize;

/// Something suspicious in a text.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// How bad it is.
    pub severity: Severity,
    /// The place, made visible.
    pub excerpt: String,
}

/// What is suspicious.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Characters nobody sees.
    InvisibleCharacters,
    /// Text in the invisible alphabet of tag characters.
    HiddenAlphabet,
    /// Characters that turn the order of writing.
    Bidirectional,
    /// Terminal control sequences.
    ControlSequences,
    /// Text that renderers hide: comments, hidden elements.
    HiddenMarkup,
    /// An order to forget other orders.
    OverridesInstructions,
    /// An order to keep something from the person.
    Secrecy,
    /// Markup or words that pose as the system's.
    PosesAsSystem,
    /// An order about other tools.
    SteersOtherTools,
    /// A place where secrets are kept.
    SecretPlaces,
    /// An order to put what the model knows into an argument or an address.
    Exfiltration,
    /// A long piece of encoded data.
    EncodedBlob,
}

/// How bad it is. Only [`Severity::High`] blocks.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth a look.
    Medium,
    /// Not for a model's eyes before a person has read it.
    High,
}

/// Everything suspicious in a text.
pub fn scan(text: &str) -> Vec<Finding> {
    let _ = text;
    Vec::new()
}
