//! Everything a server lists, page by page.
//!
//! Invariant: whatever a server lists, however often it says that there is more, the reading ends
//! and its memory is bounded; one bad entry costs itself and nothing else.

use std::{collections::HashSet, time::Duration};

use rmcp::model::{
    ClientRequest, ListPromptsRequest, ListResourceTemplatesRequest, ListResourcesRequest,
    ListToolsRequest, PaginatedRequestParams, ServerResult, Tool,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Effect, Fault, FaultKind};

use super::{Listing, Scope, definition, link::Link};

/// Pages of one list.
const PAGES: usize = 200;
/// Entries of one list.
const ENTRIES: usize = 4_000;
/// Bytes of all lists together. What is kept of them takes several times as much.
const ROOM: usize = 12 << 20;
/// Reasons kept for entries that were dropped.
const REASONS: usize = 100;

/// Reads all lists of a server, at most as much as an answer of it may be.
pub(super) async fn read(link: &Link, most: usize) -> Result<Listing, Fault> {
    let can = &link.conversation.info().capabilities;
    let mut reader = Reader {
        link,
        scope: Scope::background(),
        room: most.min(ROOM),
        keep: None,
        dropped: Vec::new(),
    };
    // Some servers have tools and forget to say so.
    let tools = reader
        .all("tools", can.tools.is_some(), |params| {
            ClientRequest::ListToolsRequest(ListToolsRequest {
                params,
                ..Default::default()
            })
        })
        .await?;
    let tools = reader.good_tools(tools);
    let (mut resources, mut templates, mut prompts) = (Vec::new(), Vec::new(), Vec::new());
    if can.resources.is_some() {
        resources = reader
            .all("resources", true, |params| {
                ClientRequest::ListResourcesRequest(ListResourcesRequest {
                    params,
                    ..Default::default()
                })
            })
            .await?;
        templates = reader
            .all("resourceTemplates", false, |params| {
                ClientRequest::ListResourceTemplatesRequest(ListResourceTemplatesRequest {
                    params,
                    ..Default::default()
                })
            })
            .await?;
    }
    if can.prompts.is_some() {
        prompts = reader
            .all("prompts", true, |params| {
                ClientRequest::ListPromptsRequest(ListPromptsRequest {
                    params,
                    ..Default::default()
                })
            })
            .await?;
    }
    Ok(Listing {
        tools,
        resources,
        templates,
        prompts,
        keep: reader.keep,
        dropped: reader.dropped,
    })
}

struct Reader<'a> {
    link: &'a Link,
    scope: Scope,
    /// Bytes that all lists together may still take.
    room: usize,
    keep: Option<Duration>,
    dropped: Vec<String>,
}

impl Reader<'_> {
    /// Reads one list, all pages. A server that does not know it has an empty one, unless it
    /// `promised` to have it.
    async fn all<T: DeserializeOwned>(
        &mut self,
        key: &str,
        promised: bool,
        ask: impl Fn(Option<PaginatedRequestParams>) -> ClientRequest,
    ) -> Result<Vec<T>, Fault> {
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        let mut cursor: Option<String> = None;
        let mut left_out = LeftOut::default();
        'pages: for page in 1.. {
            let params = cursor
                .take()
                .map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)));
            let answer = match self.link.request(ask(params), &self.scope).await {
                Ok(answer) => answer,
                Err(fault) if !promised && fault.kind == FaultKind::Rejected => break,
                Err(fault) => return Err(fault),
            };
            let page_of = self.page(key, answer)?;
            for entry in page_of.entries {
                if entries.len() >= ENTRIES {
                    self.drop_entry(format!("{key}: more than is read ({ENTRIES} entries)"));
                    break 'pages;
                }
                self.take(key, entry, &mut entries, &mut left_out);
            }
            let Some(next) = page_of.next.filter(|next| !next.is_empty()) else {
                break;
            };
            if page >= PAGES {
                self.drop_entry(format!("{key}: more than {PAGES} pages"));
                break;
            }
            if !seen.insert(next.clone()) {
                self.drop_entry(format!("{key}: the pages go round in a circle"));
                break;
            }
            cursor = Some(next);
        }
        if left_out.count > 0 {
            let LeftOut { count, first } = left_out;
            self.drop_entry(format!("{key}: no room for {count} more, from {first} on"));
        }
        Ok(entries)
    }

    /// One page as data: a page with one bad entry is still a page.
    fn page(&mut self, key: &str, answer: ServerResult) -> Result<Page, Fault> {
        let value = serde_json::to_value(answer).unwrap_or_default();
        let Value::Object(mut page) = value else {
            return Err(self.odd(key));
        };
        let Some(Value::Array(entries)) = page.remove(key) else {
            return Err(self.odd(key));
        };
        if let Some(millis) = page.get("ttlMs").and_then(Value::as_u64) {
            let keep = Duration::from_millis(millis);
            self.keep = Some(self.keep.map_or(keep, |before| before.min(keep)));
        }
        let next = page.get("nextCursor").and_then(Value::as_str);
        Ok(Page {
            entries,
            next: next.map(str::to_owned),
        })
    }

    fn take<T: DeserializeOwned>(
        &mut self,
        key: &str,
        entry: Value,
        entries: &mut Vec<T>,
        left_out: &mut LeftOut,
    ) {
        let name = entry
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or("one without a name")
            .chars()
            .take(80)
            .collect::<String>();
        let weight = definition::weight(&entry);
        if weight > self.room {
            if left_out.count == 0 {
                left_out.first = name;
            }
            left_out.count += 1;
            return;
        }
        self.room -= weight;
        match serde_json::from_value(entry) {
            Ok(entry) => entries.push(entry),
            Err(why) => self.drop_entry(format!("{key}: {name}: {why}")),
        }
    }

    fn good_tools(&mut self, tools: Vec<Tool>) -> Vec<Tool> {
        let mut names = HashSet::new();
        let mut good = Vec::with_capacity(tools.len());
        for tool in tools {
            let fit = definition::check(&tool).and_then(|()| {
                if names.insert(tool.name.clone()) {
                    Ok(())
                } else {
                    Err("another tool has the same name".to_owned())
                }
            });
            match fit {
                Ok(()) => good.push(tool),
                Err(why) => {
                    let name: String = tool.name.chars().take(80).collect();
                    self.drop_entry(format!("tools: {name}: {why}"));
                }
            }
        }
        good
    }

    fn drop_entry(&mut self, why: String) {
        if self.dropped.len() < REASONS {
            self.dropped.push(why);
        }
    }

    fn odd(&self, key: &str) -> Fault {
        Fault {
            effect: Effect::Answered,
            ..Fault::before(
                self.link.conversation.server(),
                FaultKind::Protocol,
                format!("its list of {key} is none"),
            )
        }
    }
}

/// What there was no room for.
#[derive(Default)]
struct LeftOut {
    count: usize,
    first: String,
}

struct Page {
    entries: Vec<Value>,
    next: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read};

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn there_is_room_for_every_real_server() {
        let file = "tests/data/tools/definitions.jsonl.gz";
        let file = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        let mut text = String::new();
        GzDecoder::new(File::open(file).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        for line in text.lines() {
            let server: Value = serde_json::from_str(line).unwrap();
            let tools = server["tools"].as_array().unwrap();
            let weight: usize = tools.iter().map(definition::weight).sum();
            assert!(tools.len() * 5 < ENTRIES, "{}", server["server"]);
            assert!(weight * 3 < ROOM * 2, "{}: {weight}", server["server"]);
        }
    }
}
