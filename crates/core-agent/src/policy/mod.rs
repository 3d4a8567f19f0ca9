//! What is allowed: Cedar policies, the built-in ones and the user's.
//!
//! Not the record of what a person decided: that is [`crate::approvals`].
//! Invariant: every decision names the policy behind it, and what cannot be decided is denied.

mod check;
mod facts;
mod read;

use std::{path::PathBuf, sync::LazyLock, time::Duration};

use cedar_policy::{Authorizer, Decision as Cedar, PolicyId, PolicySet};
use moka::sync::Cache;
use serde_json::{Map, Value};

use crate::{
    Actor,
    catalogue::{HubTool, View},
    config::Config,
};

pub use facts::Asked;
pub use read::PolicyFault;

const DECISIONS_KEPT: u64 = 20_000;
const KEPT_FOR: Duration = Duration::from_hours(1);

/// The policies.
pub struct Policy {
    authorizer: Authorizer,
    /// All of them.
    all: PolicySet,
    /// Without those that ask for an approval.
    plain: PolicySet,
    /// Where each came from.
    files: Vec<(PolicyId, String)>,
    /// Whether any looks at more than who calls what.
    looks_at_context: bool,
    decisions: Cache<String, Decision>,
}

/// What policies say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decision {
    /// It is allowed.
    Allowed {
        /// The policies that say so.
        policies: Vec<String>,
    },
    /// It is allowed when a person says yes.
    NeedsApproval {
        /// The policies that say so.
        policies: Vec<String>,
        /// Why, in their words.
        reason: String,
    },
    /// It is not allowed.
    Denied {
        /// The policies that say so; none when no policy allows it.
        policies: Vec<String>,
        /// Why.
        reason: String,
    },
}

impl Policy {
    /// Reads the built-in policies and the files.
    pub fn load(files: &[PathBuf]) -> Result<Self, Vec<PolicyFault>> {
        let mut faults = Vec::new();
        let mut texts = Vec::new();
        for file in files {
            match std::fs::read_to_string(file) {
                Ok(text) => texts.push((file.display().to_string(), text)),
                Err(error) => faults.push(PolicyFault {
                    file: file.display().to_string(),
                    policy: None,
                    message: format!("it cannot be read: {error}"),
                }),
            }
        }
        match Self::parse(&texts) {
            Ok(policy) if faults.is_empty() => Ok(policy),
            Ok(_) => Err(faults),
            Err(more) => {
                faults.extend(more);
                Err(faults)
            }
        }
    }

    /// The built-in policies alone.
    pub fn builtin() -> Self {
        Self::parse(&[]).expect("the built-in policies are right")
    }

    /// Reads policies from texts, each with the name of where it is from.
    pub fn parse(texts: &[(String, String)]) -> Result<Self, Vec<PolicyFault>> {
        let schema = read::schema();
        let sources = read::sources(texts, &schema)?;
        let (mut all, mut plain) = (PolicySet::new(), PolicySet::new());
        let mut files = Vec::new();
        let mut looks_at_context = false;
        for source in sources {
            let (policy, file) = (source.policy, source.file);
            looks_at_context |= read::looks_at_context(&policy);
            files.push((policy.id().clone(), file));
            if policy.annotation("approval").is_none() {
                plain
                    .add(policy.clone())
                    .expect("ids were made different before");
            }
            all.add(policy).expect("ids were made different before");
        }
        Ok(Self {
            authorizer: Authorizer::new(),
            all,
            plain,
            files,
            looks_at_context,
            decisions: Cache::builder()
                .max_capacity(DECISIONS_KEPT)
                .time_to_live(KEPT_FOR)
                .build(),
        })
    }

    /// Compares the policies with what there is.
    pub fn check(&self, view: &View, config: &Config) -> Vec<PolicyFault> {
        self.all
            .policies()
            .flat_map(|policy| {
                let file = self
                    .files
                    .iter()
                    .find(|(id, _)| id == policy.id())
                    .map_or("", |(_, file)| file);
                check::check(policy, file, view, config)
            })
            .collect()
    }

    /// Whether a caller may call a tool with these arguments.
    pub fn decide(&self, asked: &Asked<'_>) -> Decision {
        if self.looks_at_context {
            return self.evaluate(asked, "call");
        }
        let key = asked.key();
        if let Some(known) = self.decisions.get(&key) {
            return known;
        }
        let decision = self.evaluate(asked, "call");
        self.decisions.insert(key, decision.clone());
        decision
    }

    /// Whether a caller's answer counts as a person's.
    pub fn may_answer(&self, asked: &Asked<'_>) -> bool {
        asked.actor.speaks_for_person
            && matches!(self.evaluate(asked, "approve"), Decision::Allowed { .. })
    }

    fn evaluate(&self, asked: &Asked<'_>, action: &str) -> Decision {
        let (request, entities) = match facts::facts(asked, action) {
            Ok(facts) => facts,
            Err(why) => {
                return Decision::Denied {
                    policies: Vec::new(),
                    reason: format!("the policies cannot be asked: {why}"),
                };
            }
        };
        let response = self
            .authorizer
            .is_authorized(&request, &self.all, &entities);
        let diagnostics = response.diagnostics();
        // A policy that fails says nothing to Cedar; here it could have been the one that forbids.
        if let Some(error) = diagnostics.errors().next() {
            return Decision::Denied {
                policies: Vec::new(),
                reason: format!("a policy failed and might have forbidden it: {error}"),
            };
        }
        let because: Vec<&PolicyId> = diagnostics.reason().collect();
        let mut policies: Vec<String> = because.iter().map(ToString::to_string).collect();
        policies.sort_unstable();
        if response.decision() == Cedar::Allow {
            return Decision::Allowed { policies };
        }
        if because.is_empty() {
            return Decision::Denied {
                policies,
                reason: "no policy allows it".into(),
            };
        }
        let (asking, forbidding): (Vec<&PolicyId>, Vec<&PolicyId>) = because
            .into_iter()
            .partition(|id| self.all.annotation(id, "approval").is_some());
        if !forbidding.is_empty() {
            return Decision::Denied {
                reason: self.words(&forbidding, "reason"),
                policies,
            };
        }
        // Lifted by a person, would it be allowed at all?
        let lifted = self
            .authorizer
            .is_authorized(&request, &self.plain, &entities);
        if lifted.decision() == Cedar::Allow {
            Decision::NeedsApproval {
                reason: self.words(&asking, "approval"),
                policies,
            }
        } else {
            Decision::Denied {
                policies: Vec::new(),
                reason: "no policy allows it".into(),
            }
        }
    }

    /// What policies say of themselves.
    fn words(&self, ids: &[&PolicyId], annotation: &str) -> String {
        let words: Vec<String> = ids
            .iter()
            .map(|id| match self.all.annotation(id, annotation) {
                Some(words) if !words.is_empty() => words.to_owned(),
                _ => format!("the policy {id} says so"),
            })
            .collect();
        words.join("; ")
    }
}

impl Decision {
    /// The policies behind it.
    pub fn policies(&self) -> &[String] {
        match self {
            Self::Allowed { policies }
            | Self::NeedsApproval { policies, .. }
            | Self::Denied { policies, .. } => policies,
        }
    }
}

impl<'a> Asked<'a> {
    /// A question about a call without arguments.
    pub fn new(actor: &'a Actor, tool: &'a HubTool, trusted: bool) -> Self {
        static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
        Self {
            actor,
            tool,
            trusted,
            arguments: &NONE,
            run: None,
        }
    }
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy")
            .field("policies", &self.files.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
