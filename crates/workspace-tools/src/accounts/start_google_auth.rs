//! `start_google_auth`: link a Google account by signing in with a browser.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Access, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError};

/// Begins a sign-in.
pub(super) struct StartGoogleAuth;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {
    /// What for, such as gmail, drive or calendar; default all.
    #[serde(default)]
    service_name: Option<String>,
    /// The account to sign in, if known.
    #[serde(default)]
    user_google_email: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    authorization_url: String,
    message: String,
}

impl Tool for StartGoogleAuth {
    const META: Meta = Meta {
        name: "start_google_auth",
        title: "Sign in to Google",
        description: "Begin a Google sign-in: returns a link the user must open in a browser.",
        service: Service::Accounts,
        tier: Tier::Core,
        access: Access::Write,
        idempotent: true,
        methods: &[],
        outside_content: false,
        aliases: &[],
        examples: &[Example {
            say: "Connect my Google account",
            arguments: r#"{"service_name": "gmail", "user_google_email": "alex@sandbox.example"}"#,
            gives: "Action required",
        }],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, input: Input) -> Result<Reply<Output>, ToolError> {
        let (service, email) = (
            input.service_name.as_deref(),
            input.user_google_email.as_deref(),
        );
        let link = cx.sign_in.start(service, email).await?;
        // The message is complete: link, what to do with it, what follows.
        let text = link.message.clone();
        let data = Output {
            authorization_url: link.authorization_url,
            message: link.message,
        };
        Ok(Reply::new(data, text))
    }
}
