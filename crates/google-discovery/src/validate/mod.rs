//! Whether a request is one that Google's description allows.
//!
//! Not whether Google will do it: rights, quotas and rules between fields are not described.
//! Invariant: never recurses over the request, so that no nesting can exhaust the stack.

mod body;
mod mask;
mod parameters;
mod quote;
mod text;
mod words;

use serde_json::Value;

use crate::{
    invalid::{Invalid, Problems},
    method::{HttpMethod, Method},
    schema::{Format, Type},
};

impl Method {
    /// Checks parameters and body together and reports everything that is wrong.
    ///
    /// Without a body, the ones a method demands are missing; with an `uploadType` they may come
    /// as content instead.
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
        let uploads = self.upload.is_some()
            && borrowed
                .iter()
                .any(|(name, _)| matches!(*name, "uploadType" | "upload_protocol"));
        match self.request_schema() {
            Some(schema) => {
                let completeness = if uploads || self.takes_parts() {
                    body::Completeness::Partial
                } else {
                    body::Completeness::Full
                };
                body::check(self, schema, completeness, body, &mut problems);
            }
            None if body.is_some_and(says_something) => {
                problems.add(
                    || "body".to_owned(),
                    "this method takes no body; leave it out",
                );
            }
            None => {}
        }
        problems.into_result(self.id)
    }

    /// Checks a partial-response mask, such as `files(id,name),nextPageToken`, against the answer.
    pub fn check_fields(&self, mask: &str) -> Result<(), Invalid> {
        let mut problems = Problems::none();
        mask::check(self, mask, &mut problems);
        problems.into_result(self.id)
    }

    /// Checks an answer as strictly as a request, save that nothing has to be there.
    ///
    /// For whoever plays Google in a test. A client must not use it: Google may add fields any day.
    pub fn check_answer(&self, answer: &Value) -> Result<(), Invalid> {
        let mut problems = Problems::none();
        if let Some(schema) = self.response_schema() {
            body::check_answer(self, schema, answer, &mut problems);
        }
        problems.into_result(self.id)
    }

    /// Turns 64-bit numbers in a body into the strings that Google's JSON wants.
    pub fn quote_integers(&self, body: &mut Value) {
        if let Some(schema) = self.request_schema() {
            quote::integers(self.api(), schema, body);
        }
    }

    /// Whether a request may carry only what it changes.
    fn takes_parts(&self) -> bool {
        let masked = |ty: &Type| *ty == Type::String(Format::FieldMask);
        self.http_method == HttpMethod::Patch
            || self
                .parameters
                .values()
                .any(|one| one.name.to_lowercase().contains("update") && masked(&one.ty))
    }
}

fn says_something(body: &Value) -> bool {
    match body {
        Value::Null => false,
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    }
}
