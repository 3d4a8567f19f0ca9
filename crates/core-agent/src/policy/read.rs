//! Reads policies and finds what is wrong with them by themselves.
//!
//! Not whether the names in them exist: that is known only beside a catalogue.
//! Invariant: two policies never have the same id, and every fault is found at once.

use std::{collections::BTreeMap, fmt, str::FromStr};

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};

const BUILTIN: &str = include_str!("builtin.cedar");
const BUILTIN_NAME: &str = "built-in";
const SCHEMA: &str = include_str!("schema.cedarschema");

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

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.policy {
            Some(policy) => write!(f, "{}: policy {policy}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// A policy and where it is from.
pub(super) struct Source {
    pub(super) policy: Policy,
    pub(super) file: String,
}

/// What policies can speak of.
pub(super) fn schema() -> Schema {
    Schema::from_str(SCHEMA).expect("the schema is right: a test reads it")
}

/// All policies. The user's take the place of built-in ones of the same id.
pub(super) fn sources(
    texts: &[(String, String)],
    schema: &Schema,
) -> Result<Vec<Source>, Vec<PolicyFault>> {
    let mut faults = Vec::new();
    let mut all: BTreeMap<String, Source> = BTreeMap::new();
    for source in read(BUILTIN_NAME, BUILTIN).expect("the built-in policies are right") {
        all.insert(source.policy.id().to_string(), source);
    }
    for (file, text) in texts {
        match read(file, text) {
            Ok(sources) => {
                for source in sources {
                    let id = source.policy.id().to_string();
                    if let Some(other) = all.get(&id)
                        && other.file != BUILTIN_NAME
                    {
                        faults.push(PolicyFault {
                            file: file.clone(),
                            policy: Some(id),
                            message: format!("another policy of {} has this id", other.file),
                        });
                    } else {
                        all.insert(id, source);
                    }
                }
            }
            Err(more) => faults.extend(more),
        }
    }
    faults.extend(all.values().filter_map(misused));
    faults.extend(invalid(&all, schema));
    if faults.is_empty() {
        Ok(all.into_values().collect())
    } else {
        Err(faults)
    }
}

/// Whether a policy looks at the arguments, the end user or the run.
pub(super) fn looks_at_context(policy: &Policy) -> bool {
    policy.to_json().map_or(true, |json| {
        json.to_string().contains(r#"{"Var":"context"}"#)
    })
}

fn read(file: &str, text: &str) -> Result<Vec<Source>, Vec<PolicyFault>> {
    let set = PolicySet::from_str(text).map_err(|errors| {
        errors
            .iter()
            .map(|error| PolicyFault {
                file: file.to_owned(),
                policy: None,
                message: error.to_string(),
            })
            .collect::<Vec<_>>()
    })?;
    if set.templates().next().is_some() {
        return Err(vec![PolicyFault {
            file: file.to_owned(),
            policy: None,
            message: "templates (?principal, ?resource) are not used; write the policy out".into(),
        }]);
    }
    let mut known = std::collections::BTreeSet::new();
    let mut sources = Vec::new();
    let mut faults = Vec::new();
    for policy in set.policies() {
        let id = match policy.annotation("id") {
            Some(id) if !id.is_empty() => id.to_owned(),
            _ => format!("{file}#{}", policy.id()),
        };
        if !known.insert(id.clone()) {
            faults.push(PolicyFault {
                file: file.to_owned(),
                policy: Some(id),
                message: "another policy of the file has this @id".into(),
            });
            continue;
        }
        sources.push(Source {
            policy: policy.new_id(PolicyId::new(id)),
            file: file.to_owned(),
        });
    }
    if faults.is_empty() {
        Ok(sources)
    } else {
        Err(faults)
    }
}

/// `@approval` on a policy that allows would never be heard.
fn misused(source: &Source) -> Option<PolicyFault> {
    let permits = source.policy.effect() == Effect::Permit;
    (permits && source.policy.annotation("approval").is_some()).then(|| PolicyFault {
        file: source.file.clone(),
        policy: Some(source.policy.id().to_string()),
        message: "@approval belongs to a forbid: what a person may lift".into(),
    })
}

fn invalid(all: &BTreeMap<String, Source>, schema: &Schema) -> Vec<PolicyFault> {
    let set = PolicySet::from_policies(all.values().map(|source| source.policy.clone()))
        .expect("ids were made different before");
    Validator::new(schema.clone())
        .validate(&set, ValidationMode::Strict)
        .validation_errors()
        .map(|error| {
            let id = error.policy_id().to_string();
            PolicyFault {
                file: all
                    .get(&id)
                    .map_or_else(String::new, |source| source.file.clone()),
                policy: Some(id),
                message: error.to_string(),
            }
        })
        .collect()
}
