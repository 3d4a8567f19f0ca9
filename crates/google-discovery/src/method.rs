//! One method of a Google API: what it is called with and what it needs.
//!
//! Not a request: nothing here builds URLs or sends. Invariant: `path` is Google's `path`, never
//! its `flatPath`, whose names differ from the parameters.

use std::{collections::BTreeMap, fmt};

use crate::{
    api::Api,
    catalogue::catalogue,
    effect::{self, Access},
    schema::{Schema, Type},
    scope,
};

/// One callable method.
#[derive(Debug)]
pub struct Method {
    /// Google's id, such as `gmail.users.messages.list`.
    pub id: &'static str,
    /// The name of the API it belongs to, as in [`Api::name`].
    pub api_name: &'static str,
    /// The HTTP verb.
    pub http_method: HttpMethod,
    /// The URL template below the API's root and service path: `{name}` takes one path segment,
    /// `{+name}` several.
    pub path: &'static str,
    /// The method's own parameters; the ones every method takes are [`crate::GLOBAL_PARAMETERS`].
    pub parameters: BTreeMap<&'static str, Parameter>,
    /// The schema of the request body.
    pub request: Option<&'static str>,
    /// The schema of the answer.
    pub response: Option<&'static str>,
    /// The scopes, full URLs, any one of which suffices; none where an API key is used instead.
    pub scopes: Vec<&'static str>,
    /// How content is uploaded, for methods that take content.
    pub upload: Option<Upload>,
    /// Whether `alt=media` gives content.
    pub supports_download: bool,
    /// Google wants it gone.
    pub deprecated: bool,
    /// What it does to the account's data.
    pub access: Access,
}

impl Method {
    /// The API it belongs to.
    pub fn api(&self) -> &'static Api {
        catalogue()
            .api(self.api_name)
            .expect("a method comes out of an API of the catalogue")
    }

    /// The schema of the request body.
    pub fn request_schema(&self) -> Option<&'static Schema> {
        self.request.and_then(|name| self.api().schema(name))
    }

    /// The schema of the answer.
    pub fn response_schema(&self) -> Option<&'static Schema> {
        self.response.and_then(|name| self.api().schema(name))
    }

    /// A parameter of this method, its own or one that every method takes.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters
            .get(name)
            .or_else(|| crate::parameter::global(name))
    }

    /// Whether sending the same request twice leaves the same state as sending it once.
    pub fn idempotent(&self) -> bool {
        effect::idempotent(self.id, self.http_method)
    }

    /// Whether a token with these scopes may call the method at all.
    ///
    /// A method without scopes is called with an API key, so any token will do.
    pub fn allows_scope<S: AsRef<str>>(&self, granted: &[S]) -> bool {
        self.scopes.is_empty() || self.narrowest_granted(granted).is_some()
    }

    /// The least powerful of the granted scopes that lets the method do all it can.
    ///
    /// Scopes that reach only part of the data (`drive.file`, `gmail.metadata`) come last.
    pub fn narrowest_granted<S: AsRef<str>>(&self, granted: &[S]) -> Option<&'static str> {
        self.scopes_narrowest_first()
            .into_iter()
            .find(|scope| granted.iter().any(|has| has.as_ref() == *scope))
    }

    /// The alternatives, least powerful first; the first one is what to ask for.
    pub fn scopes_narrowest_first(&self) -> Vec<&'static str> {
        scope::narrowest_first(self)
    }
}

/// One parameter in a method's path or query.
#[derive(Debug)]
pub struct Parameter {
    /// The parameter's name.
    pub name: &'static str,
    /// Where it goes.
    pub location: Location,
    /// What it holds; of a repeated one, each of its values.
    pub ty: Type,
    /// Whether the method cannot be called without it.
    pub required: bool,
    /// Whether it may be given more than once (`labelIds=A&labelIds=B`).
    pub repeated: bool,
    /// Google wants it gone.
    pub deprecated: bool,
    /// What Google assumes when it is absent.
    pub default: Option<&'static str>,
    /// The smallest number allowed.
    pub minimum: Option<&'static str>,
    /// The largest number allowed.
    pub maximum: Option<&'static str>,
    /// For a path parameter of several segments, what they are: `spaces/*/messages/*`, where `*`
    /// is one segment and `**` any number.
    pub segments: Option<&'static str>,
}

/// Where a parameter goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Location {
    Path,
    Query,
}

/// How content gets into a method.
#[derive(Debug)]
pub struct Upload {
    /// The most bytes Google takes.
    pub max_bytes: Option<u64>,
    /// The path, from the host's root, for uploads in one request.
    pub simple_path: &'static str,
    /// The path, from the host's root, for uploads in pieces. Google also takes these on
    /// [`Self::simple_path`].
    pub resumable_path: Option<&'static str>,
    /// The media types taken, with wildcards.
    pub accept: Vec<&'static str>,
}

/// The HTTP verb of a method.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum HttpMethod {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl HttpMethod {
    /// The verb as it stands in a request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// The verb of a request line; none for verbs no Google method uses.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete]
            .into_iter()
            .find(|method| method.as_str() == name)
    }
}

impl fmt::Display for HttpMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
