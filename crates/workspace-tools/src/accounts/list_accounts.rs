//! `list_google_accounts`: which accounts the caller has linked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Access, Example, Meta, Reply, Service, Tier, Tool, ToolCx, ToolError};

/// Lists accounts.
pub(super) struct ListAccounts;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Input {}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    accounts: Vec<String>,
}

impl Tool for ListAccounts {
    const META: Meta = Meta {
        name: "list_google_accounts",
        title: "List linked Google accounts",
        description: "List the addresses of your linked Google accounts.",
        service: Service::Accounts,
        tier: Tier::Core,
        access: Access::Read,
        idempotent: true,
        methods: &[],
        outside_content: false,
        aliases: &[],
        examples: &[Example {
            say: "Which Google accounts have I linked?",
            arguments: "{}",
            gives: "1 linked account: alex@sandbox.example",
        }],
    };
    type Input = Input;
    type Output = Output;

    async fn run(cx: &ToolCx, _: Input) -> Result<Reply<Output>, ToolError> {
        let accounts = cx.sign_in.accounts().await?;
        let text = match accounts.as_slice() {
            [] => "No account is linked yet; start_google_auth links one.".to_owned(),
            [one] => format!("1 linked account: {one}"),
            several => format!("{} linked accounts: {}", several.len(), several.join(", ")),
        };
        Ok(Reply::new(Output { accounts }, text))
    }
}
