//! The tools: one file each, one registry line each.
//!
//! Tools know neither MCP nor HTTP nor credentials: they get a [`ToolCx`] that is already bound to
//! one account. Invariant: a tool reaches Google only through [`ToolCx::call`], and services do not
//! use each other.

mod arguments;
mod context;
pub mod documents;
mod error;
mod file_name;
mod html;
mod local_file;
mod media_type;
mod meta;
mod outcome;
mod policy;
pub mod resource;
mod schema;
mod scopes;
mod selection;
mod text;
mod tool;
mod toolbox;

mod accounts;
mod calendar;
mod drive;
mod gmail;

pub use context::{LocalFiles, SignIn, SignInLink, ToolCx};
pub use error::{Question, ToolError};
pub use meta::{Access, Alias, Example, Meta, Service, Tier};
pub use outcome::{Outcome, Part, Reply};
pub use policy::{Policy, Rule};
pub use selection::{Permission, Selection};
pub use tool::{Entry, Tool};
pub use toolbox::{Offered, Prepared, Toolbox, all};
