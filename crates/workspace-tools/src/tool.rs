//! The shape of a tool, and its erased form for the registry.

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Meta, Outcome, Reply, ToolCx, ToolError, schema};

/// A tool: a declaration and one function.
pub trait Tool: 'static {
    /// What it says about itself.
    const META: Meta;
    /// Its arguments. Every field carries a doc comment that says what it is.
    type Input: DeserializeOwned + JsonSchema + Send;
    /// Its data. Field names are Google's where they mean the same.
    type Output: Serialize + JsonSchema + Send;

    /// Does the work.
    fn run(
        cx: &ToolCx,
        input: Self::Input,
    ) -> impl Future<Output = Result<Reply<Self::Output>, ToolError>> + Send;
}

type Run = for<'a> fn(&'a ToolCx, Value) -> BoxFuture<'a, Result<Outcome, ToolError>>;

/// A tool in the registry, its types erased.
pub struct Entry {
    /// What it says about itself.
    pub meta: &'static Meta,
    /// The JSON schema of its arguments.
    pub input_schema: fn() -> Value,
    /// The JSON schema of its data.
    pub output_schema: fn() -> Value,
    pub(crate) run: Run,
}

/// The registry line of `T`.
pub(crate) const fn entry<T: Tool>() -> Entry {
    Entry {
        meta: &T::META,
        input_schema: schema::input::<T::Input>,
        output_schema: schema::output::<T::Output>,
        run: |cx, arguments| Box::pin(run::<T>(cx, arguments)),
    }
}

async fn run<T: Tool>(cx: &ToolCx, arguments: Value) -> Result<Outcome, ToolError> {
    let input = serde_json::from_value(arguments).map_err(|error| ToolError::arguments(&error))?;
    T::run(cx, input).await?.erase()
}
