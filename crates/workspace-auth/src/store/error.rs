//! Why a credential store did not do what it was asked.
//!
//! The absence of an object is not an error. Invariant: messages name the place and the remedy,
//! never a credential.

use foundation::Kind;

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The condition of a write did not hold: somebody else was there first.
    #[error("the stored object changed meanwhile; read it again")]
    Conflict,
    /// The place does not answer now; the same request may work later.
    #[error("{place} does not answer: {problem}")]
    Unavailable {
        /// The place.
        place: String,
        /// What happened, without secrets.
        problem: String,
    },
    /// The place refuses, and will until somebody changes its configuration.
    #[error("{problem}")]
    Misconfigured {
        /// What is wrong and how to mend it.
        problem: String,
    },
    /// A name cannot be used as a key.
    #[error("{problem}")]
    BadName {
        /// What is wrong and what is allowed.
        problem: String,
    },
}

impl StoreError {
    /// What the failure means to the caller.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Conflict => Kind::Conflict,
            Self::Unavailable { .. } => Kind::Upstream,
            Self::Misconfigured { .. } => Kind::Internal,
            Self::BadName { .. } => Kind::Input,
        }
    }

    /// Seconds after which a retry makes sense.
    pub fn retry_after(&self) -> Option<u64> {
        matches!(self, Self::Conflict | Self::Unavailable { .. }).then_some(2)
    }
}
