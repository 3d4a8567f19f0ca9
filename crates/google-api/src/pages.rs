//! Page after page of a list.
//!
//! The token of the next page goes into the query, or into the body for the few methods that want
//! it there. Invariant: a token that Google repeats ends the walk with an error instead of a loop,
//! and no element that was received is dropped.

use std::collections::HashSet;

use foundation::Kind;
use futures::stream::{self, Stream};
use google_discovery::Method;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{ApiError, Call};

/// More pages than anybody reads; a list that has more is walked with its tokens.
const MOST_PAGES: usize = 1000;

impl Call {
    /// Sends and reads page after page until `limit` elements of the list field `items` are there.
    /// Returns the elements and the token of the next page, if any is left. Google is asked for
    /// no more than is needed (`maxResults` or `pageSize` is set from `limit`), unless the call
    /// sets a page size of its own; elements that arrive beyond the limit are returned too,
    /// because the token would skip them.
    pub async fn collect<T: DeserializeOwned>(
        self,
        items: &'static str,
        limit: usize,
    ) -> Result<(Vec<T>, Option<String>), ApiError> {
        let mut walk = Walk::new(self, Some(limit));
        let mut elements = Vec::new();
        while elements.len() < limit && walk.seen.len() <= MOST_PAGES {
            let Some(mut page) = walk.next(limit - elements.len()).await? else {
                break;
            };
            let Some(Value::Array(list)) = page.get_mut(items).map(Value::take) else {
                continue;
            };
            elements.reserve(list.len());
            for element in list {
                elements.push(serde_json::from_value(element).map_err(|_| {
                    let message = format!("an element of {items} has an unexpected shape");
                    ApiError::new(Kind::Upstream, walk.id(), message)
                })?);
            }
        }
        Ok((elements, walk.token))
    }

    /// All pages as they are, one after the other.
    pub fn pages(self) -> impl Stream<Item = Result<Value, ApiError>> + Send {
        stream::try_unfold(Walk::new(self, None), |mut walk| async move {
            Ok(walk.next(usize::MAX).await?.map(|page| (page, walk)))
        })
    }
}

/// Where in the list we are.
struct Walk {
    call: Call,
    method: Option<&'static Method>,
    sized: bool,
    begun: bool,
    token: Option<String>,
    seen: HashSet<String>,
}

impl Walk {
    fn new(mut call: Call, limit: Option<usize>) -> Self {
        let method = call.method();
        let sized = limit.is_some() && method.is_some_and(|method| !sets_size(&call, method));
        let paged = method
            .and_then(Method::response_schema)
            .is_some_and(|schema| schema.fields.contains_key("nextPageToken"));
        for (name, mask) in &mut call.parameters {
            if paged && name == "fields" && !mask.contains("nextPageToken") && mask != "*" {
                // Without the token the first page would look like the last.
                mask.push_str(",nextPageToken");
            }
        }
        let token = call.parameters.iter().find(|(name, _)| name == "pageToken");
        let seen = token.map(|(_, token)| token.clone()).into_iter().collect();
        Self {
            call,
            method,
            sized,
            begun: false,
            token: None,
            seen,
        }
    }

    fn id(&self) -> &'static str {
        self.method.map_or("unknown", |method| method.id)
    }

    /// The next page, of at most `wanted` elements where the method lets us say so.
    async fn next(&mut self, wanted: usize) -> Result<Option<Value>, ApiError> {
        if self.begun && self.token.is_none() {
            return Ok(None);
        }
        if self.seen.len() > MOST_PAGES {
            let message = format!("the list goes on after {MOST_PAGES} pages");
            return Err(ApiError::new(Kind::Input, self.id(), message).hint("narrow the search"));
        }
        self.begun = true;
        let mut call = self.call.clone();
        if let Some(method) = self.method {
            if self.sized {
                set_size(&mut call, method, wanted);
            }
            if let Some(token) = self.token.take() {
                set_token(&mut call, method, token);
            }
        }
        let page = call.send().await?;
        let next = page["nextPageToken"]
            .as_str()
            .filter(|token| !token.is_empty());
        if let Some(next) = next {
            if !self.seen.insert(next.to_owned()) {
                let message = "Google gave the same page token twice, so the list has no end";
                return Err(ApiError::new(Kind::Upstream, self.id(), message)
                    .hint("ask for fewer elements, or narrow the search"));
            }
            self.token = Some(next.to_owned());
        }
        Ok(Some(page))
    }
}

const SIZES: [&str; 2] = ["maxResults", "pageSize"];

fn sets_size(call: &Call, method: &'static Method) -> bool {
    let in_query = call
        .parameters
        .iter()
        .any(|(name, _)| SIZES.contains(&name.as_ref()));
    let in_body = call
        .body
        .as_ref()
        .is_some_and(|body| !body["pageSize"].is_null());
    in_query || (in_body && body_has(method, "pageSize"))
}

fn set_size(call: &mut Call, method: &'static Method, wanted: usize) {
    for name in SIZES {
        if let Some(known) = method.parameters.get(name) {
            let most = known
                .maximum
                .and_then(|most| most.parse().ok())
                .unwrap_or(usize::MAX);
            let wanted = wanted.min(most).min(usual_most(method)).max(1);
            call.parameters.push((name.into(), wanted.to_string()));
            return;
        }
    }
    if body_has(method, "pageSize")
        && let Value::Object(body) = call
            .body
            .get_or_insert_with(|| Value::Object(Map::default()))
    {
        body.insert("pageSize".into(), wanted.clamp(1, 100).into());
    }
}

/// The largest page Google gives where the description names no maximum.
fn usual_most(method: &Method) -> usize {
    match method.api_name {
        "gmail" => 500,
        "calendar" => 2500,
        "tasks" => 100,
        _ => 1000,
    }
}

fn set_token(call: &mut Call, method: &'static Method, token: String) {
    if method.parameters.contains_key("pageToken") || !body_has(method, "pageToken") {
        call.parameters.retain(|(name, _)| name != "pageToken");
        call.parameters.push(("pageToken".into(), token));
    } else if let Value::Object(body) = call
        .body
        .get_or_insert_with(|| Value::Object(Map::default()))
    {
        body.insert("pageToken".into(), token.into());
    }
}

fn body_has(method: &'static Method, field: &str) -> bool {
    method
        .request_schema()
        .is_some_and(|schema| schema.fields.contains_key(field))
}
