//! The JSON-RPC envelope and the parts of `params` that every request may have.
//!
//! Invariant: nothing here copies the arguments of a call; they are read once, into the map the
//! tool gets.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

use super::fault::Fault;

/// One JSON-RPC message.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    /// Wants an answer.
    Request(Request<'a>),
    /// Wants none.
    Notification,
    /// Answers a request of ours.
    Reply,
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// A string or a whole number, as sent.
    pub(crate) id: &'a RawValue,
    pub(crate) method: &'a str,
    /// An object, when present.
    pub(crate) params: Option<&'a RawValue>,
}

/// A fault found while reading, with the id as far as it could be read.
#[derive(Debug)]
pub(crate) struct Unreadable<'a> {
    pub(crate) id: Option<&'a RawValue>,
    pub(crate) fault: Fault,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(default, borrow, deserialize_with = "present")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    params: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

/// Keeps a `null` apart from an absent member.
fn present<'de, D: Deserializer<'de>>(input: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(input).map(Some)
}

/// Whether the body is a batch.
pub(crate) fn is_batch(body: &[u8]) -> bool {
    body.iter()
        .find(|byte| !byte.is_ascii_whitespace())
        .is_some_and(|byte| *byte == b'[')
}

/// The members of a batch.
pub(crate) fn batch(body: &[u8]) -> Result<Vec<&RawValue>, Fault> {
    serde_json::from_slice(body).map_err(|error| unreadable(&error))
}

/// Reads one message.
pub(crate) fn read(body: &[u8]) -> Result<Message<'_>, Unreadable<'_>> {
    let without_id = |fault| Unreadable { id: None, fault };
    let starts_object = body
        .iter()
        .find(|byte| !byte.is_ascii_whitespace())
        .is_some_and(|byte| *byte == b'{');
    let wire: Wire<'_> = if starts_object {
        serde_json::from_slice(body).map_err(|error| without_id(unreadable(&error)))?
    } else {
        return Err(without_id(
            match serde_json::from_slice::<&RawValue>(body) {
                Ok(_) => Fault::invalid_request("a JSON-RPC message is a JSON object"),
                Err(error) => unreadable(&error),
            },
        ));
    };
    let id = wire.id.filter(|id| is_id(id));
    let refuse = |message: &str| Unreadable {
        id,
        fault: Fault::invalid_request(message),
    };
    if wire.jsonrpc.map(RawValue::get) != Some("\"2.0\"") {
        return Err(refuse("the member \"jsonrpc\" must be \"2.0\""));
    }
    let Some(method) = wire.method else {
        let answers = wire.result.is_some() != wire.error.is_some() && wire.id.is_some();
        return if answers {
            Ok(Message::Reply)
        } else {
            Err(refuse("a request needs a \"method\""))
        };
    };
    // Method names have no characters that JSON escapes, so a plain literal is all there is.
    let method = plain_string(method)
        .ok_or_else(|| refuse("the member \"method\" must be a plain string"))?;
    if wire.result.is_some() || wire.error.is_some() {
        return Err(refuse("a request has neither \"result\" nor \"error\""));
    }
    let params = match wire.params.map(RawValue::get) {
        None | Some("null") => None,
        Some(text) if text.starts_with('{') => wire.params,
        Some(_) => {
            return Err(Unreadable {
                id,
                fault: Fault::invalid_params("the member \"params\" must be an object")
                    .with_status(http::StatusCode::BAD_REQUEST),
            });
        }
    };
    match (wire.id, id) {
        (None, _) => Ok(Message::Notification),
        (Some(_), None) => Err(refuse(
            "the member \"id\" must be a string or a whole number",
        )),
        (Some(_), Some(id)) => Ok(Message::Request(Request { id, method, params })),
    }
}

fn unreadable(error: &serde_json::Error) -> Fault {
    // The error's own words may quote the body, so only the place is told.
    let place = format!("line {} column {}", error.line(), error.column());
    if error.is_data() {
        Fault::invalid_request(format!(
            "the body is JSON but no JSON-RPC message, from {place}"
        ))
    } else {
        Fault::parse(format!("the body is not valid JSON, from {place}"))
    }
}

fn is_id(id: &RawValue) -> bool {
    let text = id.get();
    text.starts_with('"') || text.parse::<i64>().is_ok()
}

/// The content of a JSON string without escapes.
fn plain_string(value: &RawValue) -> Option<&str> {
    let content = value.get().strip_prefix('"')?.strip_suffix('"')?;
    (!content.contains('\\')).then_some(content)
}

/// What every request's `params` may have.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct AnyParams<'a> {
    #[serde(default, borrow)]
    pub(crate) name: Option<Text<'a>>,
    #[serde(default, borrow)]
    pub(crate) uri: Option<Text<'a>>,
    #[serde(default, borrow, rename = "taskId")]
    pub(crate) task_id: Option<Text<'a>>,
    #[serde(default, borrow)]
    pub(crate) cursor: Option<&'a RawValue>,
    #[serde(default, borrow, rename = "_meta")]
    pub(crate) meta: Option<Meta<'a>>,
}

/// `params` of `tools/call`.
#[derive(Debug, Deserialize)]
pub(crate) struct CallParams<'a> {
    #[serde(borrow)]
    pub(crate) name: Cow<'a, str>,
    #[serde(default)]
    pub(crate) arguments: Option<Map<String, Value>>,
    #[serde(default, rename = "inputResponses")]
    pub(crate) input_responses: Option<Map<String, Value>>,
    #[serde(default, borrow, rename = "requestState")]
    pub(crate) request_state: Option<Text<'a>>,
    #[serde(default, borrow, rename = "_meta")]
    pub(crate) meta: Option<Meta<'a>>,
}

/// A string that borrows when it can.
#[derive(Debug)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Borrowing<'a>(#[serde(borrow)] Cow<'a, str>);
        Borrowing::deserialize(input).map(|text| Self(text.0))
    }
}

/// `params._meta`.
#[derive(Debug, Default)]
pub(crate) struct Meta<'a> {
    version: Option<&'a RawValue>,
    capabilities: Option<&'a RawValue>,
    client: Option<&'a RawValue>,
    progress: Option<&'a RawValue>,
    /// Whether there is anything else in it.
    more: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Meta<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(MetaVisitor(PhantomData))
    }
}

struct MetaVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for MetaVisitor<'a> {
    type Value = Meta<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut meta = Meta::default();
        while let Some(Text(key)) = map.next_key()? {
            let slot = match key.as_ref() {
                "io.modelcontextprotocol/protocolVersion" => &mut meta.version,
                "io.modelcontextprotocol/clientCapabilities" => &mut meta.capabilities,
                "io.modelcontextprotocol/clientInfo" => &mut meta.client,
                "progressToken" => &mut meta.progress,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    meta.more = true;
                    continue;
                }
            };
            if slot.is_some() {
                return Err(A::Error::custom(format_args!("duplicate field `{key}`")));
            }
            *slot = map.next_value()?;
        }
        Ok(meta)
    }
}

impl<'a> Meta<'a> {
    /// The revision the request declares.
    pub(crate) fn version(&self) -> Option<&'a str> {
        self.version.and_then(plain_string)
    }

    /// Whether the client wants to hear of progress.
    pub(crate) fn wants_progress(&self) -> bool {
        self.progress.is_some()
    }

    /// Whether the request says more of itself than every request does.
    pub(crate) fn says_more(&self) -> bool {
        self.more
    }

    /// Whether the client says that it can do anything beyond calling.
    pub(crate) fn claims_capabilities(&self) -> bool {
        self.capabilities.is_some_and(|claimed| {
            !serde_json::from_str::<Map<String, Value>>(claimed.get())
                .is_ok_and(|map| map.is_empty())
        })
    }

    /// What the client can do; `None` when it does not say so in the right form.
    pub(crate) fn capabilities(&self) -> Option<rmcp::model::ClientCapabilities> {
        serde_json::from_str(self.capabilities?.get()).ok()
    }

    /// Whether the client can put a form before a person.
    pub(crate) fn can_ask(&self) -> bool {
        self.capabilities()
            .is_some_and(|capabilities| crate::ask::can_ask(&capabilities))
    }

    /// The client's account of itself.
    pub(crate) fn client(&self) -> Option<crate::ClientProgram> {
        #[derive(Deserialize)]
        struct Wire {
            name: String,
            version: String,
        }
        let wire: Wire = serde_json::from_str(self.client?.get()).ok()?;
        Some(crate::ClientProgram {
            name: wire.name,
            version: wire.version,
        })
    }
}

/// Reads `params` into `T`.
pub(crate) fn params<'a, T: Deserialize<'a>>(request: &Request<'a>) -> Result<T, Fault> {
    let text = request.params.map_or("{}", RawValue::get);
    serde_json::from_str(text).map_err(|error| {
        let what = if error.is_data() {
            error.to_string()
        } else {
            "too deep or too large a number".to_owned()
        };
        Fault::invalid_params(format!(
            "the parameters do not fit {}: {what}",
            request.method
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &str) -> i32 {
        read(body.as_bytes()).unwrap_err().fault.code
    }

    #[test]
    fn reads_the_three_kinds() {
        let Message::Request(request) =
            read(br#" {"jsonrpc":"2.0","id":"a","method":"ping"} "#).unwrap()
        else {
            panic!("a request");
        };
        assert_eq!((request.id.get(), request.method), ("\"a\"", "ping"));
        assert!(matches!(
            read(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
            Ok(Message::Notification)
        ));
        assert!(matches!(
            read(br#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
            Ok(Message::Reply)
        ));
    }

    #[test]
    fn names_the_fault() {
        for body in ["", "{", "{]", "nul", "\u{1}", "{\"a\":}", "[1"] {
            assert_eq!(code(body), -32_700, "{body}");
        }
        for body in [
            "3",
            "null",
            "{}",
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":99999999999999999999,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":1,"error":2}"#,
        ] {
            assert_eq!(code(body), -32_600, "{body}");
        }
        assert_eq!(
            code(r#"{"jsonrpc":"2.0","id":1,"method":"a","params":[1]}"#),
            -32_602
        );
    }

    #[test]
    fn depth_is_no_danger() {
        let deep = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a","arguments":{}1{}}}}}"#,
            "[".repeat(200_000),
            "]".repeat(200_000)
        );
        let Message::Request(request) = read(deep.as_bytes()).unwrap() else {
            panic!("a request")
        };
        assert_eq!(
            params::<CallParams<'_>>(&request).unwrap_err().code,
            -32_602
        );
    }
}
