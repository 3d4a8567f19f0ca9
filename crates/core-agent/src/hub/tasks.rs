//! Tasks: work of servers that goes on after their answer.
//!
//! A task's id travels sealed with its server's name, to the principal it was made for. For a
//! client that knows no tasks the hub waits for the end itself.
//! Invariant: nobody reaches a task of another principal.

use std::time::Duration;

use rmcp::{
    ErrorData,
    model::{
        CallToolResult, CancelTaskParams, CancelTaskRequest, ClientRequest, CreateTaskResult,
        GetTaskParams, GetTaskRequest, GetTaskResult, ServerResult, TaskPayload, UpdateTaskParams,
        UpdateTaskRequest,
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    Hub,
    bridge::{Ended, TaskName},
    calls::ToolVisit,
    results,
    visit::Visit,
};
use crate::{
    Fault, FaultKind, ServerName,
    upstream::{Patience, Scope},
};

/// How long to wait between two looks when the server does not say.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LOOK_AT_LEAST: Duration = Duration::from_millis(100);
const LOOK_AT_MOST: Duration = Duration::from_secs(30);

impl Hub {
    /// Passes a task on to its client, or waits for its end when the client knows no tasks.
    pub(super) async fn task_begun(
        &self,
        call: &ToolVisit,
        mut begun: CreateTaskResult,
        cancelled: &CancellationToken,
    ) -> Ended {
        let server = &call.tool.server;
        if call.visit.capabilities.supports_tasks() {
            begun.task.task_id = self.seal_task(&call.visit, server, begun.task.task_id);
            return Ok(ServerResult::CreateTaskResult(begun));
        }
        let id = begun.task.task_id;
        let patience = self.patience_with(&call.tool.server);
        // Whether the server still works on it when nobody waits any more.
        let mut at_work = true;
        let wait = async {
            let mut pause = begun.task.poll_interval_ms;
            loop {
                let time = pause.map_or(LOOK_EVERY, Duration::from_millis);
                tokio::time::sleep(time.clamp(LOOK_AT_LEAST, LOOK_AT_MOST)).await;
                let looked = self.look(&call.visit, server, &id).await?;
                at_work = matches!(
                    looked.task.payload,
                    TaskPayload::Working | TaskPayload::InputRequired { .. }
                );
                match looked.task.payload {
                    TaskPayload::Completed { result } => return completed(server, result),
                    TaskPayload::Failed { error } => {
                        return Err(rejected(server, error));
                    }
                    TaskPayload::Cancelled => {
                        return Err(Fault::after(
                            server,
                            FaultKind::Rejected,
                            "it cancelled its work",
                        ));
                    }
                    TaskPayload::InputRequired { .. } => {
                        return Err(Fault::after(
                            server,
                            FaultKind::Protocol,
                            "its task asks a question, and this client knows no tasks",
                        ));
                    }
                    _ => pause = looked.task.task.poll_interval_ms,
                }
            }
        };
        let fault = tokio::select! {
            ended = wait => match ended {
                Ok(result) => return Ok(ServerResult::CallToolResult(result)),
                Err(fault) => fault,
            },
            () = cancelled.cancelled() => {
                Fault::after(server, FaultKind::Cancelled, "the client gave up")
            }
            () = tokio::time::sleep(patience.cap) => {
                Fault::after(server, FaultKind::TimedOut, "its task did not end in time")
            }
        };
        let given_up = matches!(
            fault.kind,
            FaultKind::Cancelled | FaultKind::TimedOut | FaultKind::Protocol
        );
        if given_up && at_work {
            let request = CancelTaskRequest::new(CancelTaskParams::new(id));
            let request = ClientRequest::CancelTaskRequest(request);
            let _ = self.ask_server(&call.visit, server, request).await;
        }
        results::failed(&fault)
    }

    /// How a task is doing.
    pub(super) async fn get_task(
        &self,
        visit: &Visit,
        id: &str,
    ) -> Result<GetTaskResult, ErrorData> {
        let (server, task) = self.task(visit, id)?;
        let mut looked = self
            .look(visit, &server, &task)
            .await
            .map_err(|fault| results::error(&fault))?;
        id.clone_into(&mut looked.task.task.task_id);
        Ok(looked)
    }

    /// Brings answers to a task's questions.
    pub(super) async fn update_task(
        &self,
        visit: &Visit,
        params: UpdateTaskParams,
    ) -> Result<(), ErrorData> {
        let (server, task) = self.task(visit, &params.task_id)?;
        let request = UpdateTaskRequest::new(UpdateTaskParams::new(task, params.input_responses));
        let request = ClientRequest::UpdateTaskRequest(request);
        self.ask_server(visit, &server, request)
            .await
            .map(|_| ())
            .map_err(|fault| results::error(&fault))
    }

    /// Cancels a task.
    pub(super) async fn cancel_task(&self, visit: &Visit, id: &str) -> Result<(), ErrorData> {
        let (server, task) = self.task(visit, id)?;
        let request = CancelTaskRequest::new(CancelTaskParams::new(task));
        let request = ClientRequest::CancelTaskRequest(request);
        self.ask_server(visit, &server, request)
            .await
            .map(|_| ())
            .map_err(|fault| results::error(&fault))
    }

    /// Asks a server something short for a client that cannot be asked back.
    pub(super) async fn ask_server(
        &self,
        visit: &Visit,
        server: &ServerName,
        request: ClientRequest,
    ) -> Result<ServerResult, Fault> {
        let scope = Scope {
            actor: visit.actor.clone(),
            client: None,
            cancelled: CancellationToken::new(),
            patience: Patience::short(),
            meta: visit.meta.clone(),
        };
        self.options.servers.request(server, request, &scope).await
    }

    async fn look(
        &self,
        visit: &Visit,
        server: &ServerName,
        id: &str,
    ) -> Result<GetTaskResult, Fault> {
        let request = ClientRequest::GetTaskRequest(GetTaskRequest::new(GetTaskParams::new(id)));
        match self.ask_server(visit, server, request).await? {
            ServerResult::GetTaskResult(looked) => Ok(looked),
            _ => Err(Fault::after(
                server,
                FaultKind::Protocol,
                "its answer to tasks/get is no task",
            )),
        }
    }

    fn seal_task(&self, visit: &Visit, server: &ServerName, id: String) -> String {
        let name = TaskName {
            server: server.to_string(),
            id,
        };
        self.bridge
            .states()
            .seal_task(&visit.actor.principal, &name)
    }

    fn task(&self, visit: &Visit, id: &str) -> Result<(ServerName, String), ErrorData> {
        let unknown = || ErrorData::invalid_params("there is no such task for you", None);
        let name = self
            .bridge
            .states()
            .open_task(&visit.actor.principal, id)
            .ok_or_else(unknown)?;
        let server: ServerName = name.server.parse().map_err(|_| unknown())?;
        Ok((server, name.id))
    }
}

fn completed(
    server: &ServerName,
    result: rmcp::model::JsonObject,
) -> Result<CallToolResult, Fault> {
    serde_json::from_value(result.into()).map_err(|error| {
        Fault::after(
            server,
            FaultKind::Protocol,
            format!("its task ended with something that is no result of a tool: {error}"),
        )
    })
}

fn rejected(server: &ServerName, error: rmcp::model::JsonObject) -> Fault {
    match serde_json::from_value::<ErrorData>(error.into()) {
        Ok(error) => Fault::rejected(server, error),
        Err(_) => Fault::after(
            server,
            FaultKind::Protocol,
            "its task failed without saying why",
        ),
    }
}
