//! The first words with a server: which era it speaks and what it is.
//!
//! Written on the bare carrier, so that the first answer may take as long as the configuration
//! allows and a server that keeps silent about one era is asked in the other.
//! Invariant: after a greeting the carrier holds nothing that belongs to it but answers that come
//! too late, which nobody waits for.

use std::time::Duration;

use rmcp::{
    RoleClient,
    model::{
        ClientConfig, ClientJsonRpcMessage, ClientNotification, ClientRequest, ClientResult,
        DiscoverRequest, DiscoverRequestParams, ErrorCode, ErrorData, GetExtensions,
        InitializeRequest, InitializedNotification, ProtocolVersion, RequestId, RequestMetaObject,
        ServerJsonRpcMessage, ServerPeerInfo, ServerRequest, ServerResult,
    },
    transport::Transport,
};
use tokio::time::{Instant, sleep_until};

/// How to greet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::upstream) enum Greeting {
    /// In the new era.
    Discover,
    /// With the handshake.
    Handshake,
    /// In the new era, then with the handshake on the same carrier.
    Probe {
        /// Silence after which the second follows without waiting for an answer to the first.
        quiet: Duration,
    },
}

/// Why a greeting came to nothing.
#[derive(Debug)]
pub(in crate::upstream) enum NoGreeting<E> {
    /// The carrier failed while writing.
    Carrier(E),
    /// The carrier ended before the answer.
    Ended,
    /// No answer in time.
    Silent,
    /// The server said no.
    Refused(ErrorData),
    /// The server answered with something else.
    Odd(String),
}

const DISCOVER: i64 = 2_147_483_001;
const INITIALIZE: i64 = 2_147_483_002;

/// Greets the server at the other end.
pub(super) async fn greet<T: Transport<RoleClient>>(
    carrier: &mut T,
    about: &ClientConfig,
    greeting: Greeting,
    within: Duration,
) -> Result<ServerPeerInfo, NoGreeting<T::Error>> {
    let deadline = Instant::now() + within;
    let mut initialized = greeting == Greeting::Handshake;
    let hello = if initialized {
        initialize(about)
    } else {
        discover(about)
    };
    timely(deadline, carrier.send(hello)).await?;
    let mut asked_again = false;
    let mut quiet = match greeting {
        Greeting::Probe { quiet } => Some(Instant::now() + quiet),
        _ => None,
    };
    loop {
        let message = tokio::select! {
            message = carrier.receive() => message.ok_or(NoGreeting::Ended)?,
            () = sleep_until(deadline) => return Err(NoGreeting::Silent),
            () = sleep_until(quiet.unwrap_or(deadline)), if quiet.is_some() => {
                quiet = None;
                initialized = true;
                timely(deadline, carrier.send(initialize(about))).await?;
                continue;
            }
        };
        match hear(message) {
            Said::Discovered(result) => {
                let known = [ProtocolVersion::LATEST];
                let Some(version) = known
                    .iter()
                    .find(|known| result.supported_versions.contains(known))
                else {
                    // It knows the new era's words but none of its versions.
                    match (greeting, initialized) {
                        (Greeting::Probe { .. }, false) => {}
                        _ => return Err(NoGreeting::Odd("it speaks no version known here".into())),
                    }
                    quiet = None;
                    initialized = true;
                    timely(deadline, carrier.send(initialize(about))).await?;
                    continue;
                };
                return Ok(ServerPeerInfo::from_discover_result(
                    version.clone(),
                    *result,
                ));
            }
            Said::Initialized(result) => {
                let done =
                    ClientNotification::InitializedNotification(InitializedNotification::default());
                timely(
                    deadline,
                    carrier.send(ClientJsonRpcMessage::notification(done)),
                )
                .await?;
                return Ok((*result).into());
            }
            // It refuses a version that it says it speaks: it is asked once more for that one.
            Said::NotDiscovered(error) if !(asked_again || initialized) && offers_ours(&error) => {
                asked_again = true;
                timely(deadline, carrier.send(discover(about))).await?;
            }
            Said::NotDiscovered(error) => match greeting {
                Greeting::Probe { .. } if modern(&error) => return Err(NoGreeting::Refused(error)),
                Greeting::Probe { .. } => {
                    quiet = None;
                    if !initialized {
                        initialized = true;
                        timely(deadline, carrier.send(initialize(about))).await?;
                    }
                }
                _ => return Err(NoGreeting::Refused(error)),
            },
            Said::NotInitialized(error) => return Err(NoGreeting::Refused(error)),
            Said::Odd(what) => return Err(NoGreeting::Odd(what)),
            Said::Ping(id) => {
                let pong = ClientJsonRpcMessage::response(ClientResult::empty(()), id);
                timely(deadline, carrier.send(pong)).await?;
            }
            Said::Nothing => {}
        }
    }
}

enum Said {
    Discovered(Box<rmcp::model::DiscoverResult>),
    NotDiscovered(ErrorData),
    Initialized(Box<rmcp::model::InitializeResult>),
    NotInitialized(ErrorData),
    Ping(RequestId),
    Odd(String),
    Nothing,
}

fn hear(message: ServerJsonRpcMessage) -> Said {
    match message {
        ServerJsonRpcMessage::Response(response) => match (response.result, is(&response.id)) {
            (ServerResult::DiscoverResult(result), Some(DISCOVER)) => {
                Said::Discovered(Box::new(result))
            }
            (ServerResult::InitializeResult(result), Some(INITIALIZE)) => {
                Said::Initialized(Box::new(result))
            }
            (_, Some(DISCOVER)) => Said::NotDiscovered(ErrorData::new(
                ErrorCode::INVALID_REQUEST,
                "the answer to server/discover is not one",
                None,
            )),
            (_, Some(INITIALIZE)) => Said::Odd("the answer to initialize is not one".into()),
            _ => Said::Nothing,
        },
        ServerJsonRpcMessage::Error(error) => match error.id.as_ref().and_then(is) {
            Some(INITIALIZE) => Said::NotInitialized(error.error),
            // A server that could not read the request has no id to answer with.
            Some(DISCOVER) | None => Said::NotDiscovered(error.error),
            Some(_) => Said::Nothing,
        },
        ServerJsonRpcMessage::Request(request) => match request.request {
            ServerRequest::PingRequest(_) => Said::Ping(request.id),
            _ => Said::Nothing,
        },
        ServerJsonRpcMessage::Notification(_) => Said::Nothing,
    }
}

/// Our number, also when the server made a text of it.
fn is(id: &RequestId) -> Option<i64> {
    match id {
        RequestId::Number(number) => Some(*number),
        RequestId::String(text) => text.parse().ok(),
    }
}

/// Whether only a server of the new era says this.
fn modern(error: &ErrorData) -> bool {
    matches!(
        error.code,
        ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY | ErrorCode::HEADER_MISMATCH
    )
}

/// Whether a refusal of the version names ours among those that are spoken.
fn offers_ours(error: &ErrorData) -> bool {
    let supported = error.data.as_ref().and_then(|data| data.get("supported"));
    error.code == ErrorCode::UNSUPPORTED_PROTOCOL_VERSION
        && supported
            .and_then(serde_json::Value::as_array)
            .is_some_and(|versions| {
                versions
                    .iter()
                    .any(|version| version == ProtocolVersion::LATEST.as_str())
            })
}

fn discover(about: &ClientConfig) -> ClientJsonRpcMessage {
    let mut request = DiscoverRequest::new(DiscoverRequestParams {});
    request
        .extensions_mut()
        .insert(RequestMetaObject::with_client_context(
            ProtocolVersion::LATEST,
            about.client_info.clone(),
            about.capabilities.clone(),
        ));
    ClientJsonRpcMessage::request(
        ClientRequest::DiscoverRequest(request),
        RequestId::Number(DISCOVER),
    )
}

fn initialize(about: &ClientConfig) -> ClientJsonRpcMessage {
    let mut about = about.clone();
    about.protocol_version = ProtocolVersion::LATEST_WITH_INITIALIZE;
    ClientJsonRpcMessage::request(
        ClientRequest::InitializeRequest(InitializeRequest::new(about)),
        RequestId::Number(INITIALIZE),
    )
}

async fn timely<E>(
    deadline: Instant,
    sending: impl Future<Output = Result<(), E>>,
) -> Result<(), NoGreeting<E>> {
    match tokio::time::timeout_at(deadline, sending).await {
        Ok(sent) => sent.map_err(NoGreeting::Carrier),
        Err(_) => Err(NoGreeting::Silent),
    }
}
