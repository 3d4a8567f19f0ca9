//! The door to all embedded descriptions.
//!
//! Not a cache with limits: an API is unpacked when it is first asked for and stays. Invariant:
//! asking for one API never unpacks another, except to answer a search or to suggest a name.

use std::sync::{LazyLock, OnceLock};

use crate::{
    api::{Api, ApiSummary, SOURCES, Source},
    method::{HttpMethod, Method},
    packed, route,
    search::{self, Found},
    suggest,
};

/// All embedded APIs.
pub struct Catalogue {
    summaries: Vec<ApiSummary>,
    apis: Vec<OnceLock<Api>>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue {
    summaries: packed::index(include_str!("../catalogue/index.tsv")),
    apis: SOURCES.iter().map(|_| OnceLock::new()).collect(),
});

/// Google's description of its APIs.
pub fn catalogue() -> &'static Catalogue {
    &CATALOGUE
}

impl Catalogue {
    /// Every embedded API, without unpacking any.
    pub fn apis(&'static self) -> impl Iterator<Item = &'static ApiSummary> {
        self.summaries.iter()
    }

    /// The API of this name (`gmail`), which is also how its method ids begin.
    pub fn api(&'static self, name: &str) -> Option<&'static Api> {
        let position = SOURCES
            .iter()
            .position(|source| source.name == name)
            .or_else(|| {
                SOURCES
                    .iter()
                    .position(|source| source.prefixes.contains(&name))
            })?;
        Some(self.at(position))
    }

    /// The method of this id (`gmail.users.messages.list`).
    pub fn method(&'static self, id: &str) -> Result<&'static Method, UnknownMethod> {
        let prefix = id.split('.').next().unwrap_or(id);
        SOURCES
            .iter()
            .enumerate()
            .filter(|(_, source)| source.name == prefix || source.prefixes.contains(&prefix))
            .find_map(|(position, _)| self.at(position).methods.get(id))
            .ok_or_else(|| UnknownMethod {
                id: id.to_owned(),
                nearest: suggest::method_ids(id),
            })
    }

    /// Every method of every API; unpacks all of them.
    pub fn methods(&'static self) -> impl Iterator<Item = &'static Method> {
        (0..SOURCES.len()).flat_map(|position| self.at(position).methods.values())
    }

    /// The methods that fit some words best, best first; equal ones in the order of their ids.
    pub fn search(&'static self, words: &str, limit: usize) -> Vec<Found> {
        search::search(words, limit)
    }

    /// Which method an HTTP request is, and its path parameters, decoded.
    ///
    /// `host_or_api` is the host of the request without port, or the name of an API. Upload paths
    /// count as paths of their method.
    pub fn route(
        &'static self,
        http_method: HttpMethod,
        host_or_api: &str,
        path: &str,
    ) -> Option<(&'static Method, Vec<(String, String)>)> {
        route::route(http_method, host_or_api, path)
    }

    fn at(&'static self, position: usize) -> &'static Api {
        let source: &Source = &SOURCES[position];
        self.apis[position].get_or_init(|| packed::unpack(source))
    }
}

/// There is no method of this id.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no Google method `{id}`{}", suggestions(.nearest))]
pub struct UnknownMethod {
    /// What was asked for.
    pub id: String,
    /// Ids that look alike, most alike first.
    pub nearest: Vec<&'static str>,
}

fn suggestions(nearest: &[&str]) -> String {
    match nearest {
        [] => String::new(),
        some => format!("; did you mean {}", some.join(", ")),
    }
}
