//! Whether a request is one that Google's description allows.
//!
//! Not whether Google will do it: rights, quotas and rules between fields are not described.
//! Invariant: never recurses over the request, so that no nesting can exhaust the stack.

mod body;
mod mask;
mod parameters;

use serde_json::Value;

use crate::{
    invalid::{Invalid, Problems},
    method::Method,
};

impl Method {
    /// Checks parameters and body together and reports everything that is wrong.
    pub fn validate<K: AsRef<str>, V: AsRef<str>>(
        &self,
        parameters: &[(K, V)],
        body: Option<&Value>,
    ) -> Result<(), Invalid> {
        let borrowed: Vec<(&str, &str)> = parameters
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref()))
            .collect();
        let mut problems = Problems::none();
        parameters::check(self, &borrowed, &mut problems);
        body::check(self, &borrowed, body, &mut problems);
        problems.into_result(self.id)
    }

    /// Checks a partial-response mask, such as `files(id,name),nextPageToken`, against the answer.
    pub fn check_fields(&self, mask: &str) -> Result<(), Invalid> {
        let mut problems = Problems::none();
        mask::check(self, mask, &mut problems);
        problems.into_result(self.id)
    }
}
