//! How to connect a client to the demo that stays up.

use crate::commands::Printer;

/// Prints what to paste where.
pub(super) fn explain(server: &str, sandbox: &str, users: &[google_sandbox::User]) {
    let names: Vec<&str> = users.iter().map(|user| user.email.as_str()).collect();
    Printer.line(&format!(
        r#"
The server stays up until Ctrl-C; connect to {server}

Claude Desktop, Cursor (mcp.json)
  {{"mcpServers": {{"google-workspace": {{"url": "{server}"}}}}}}

VS Code (.vscode/mcp.json)
  {{"servers": {{"google-workspace": {{"type": "http", "url": "{server}"}}}}}}

MCP Inspector
  npx @modelcontextprotocol/inspector --cli {server} --transport http --method tools/list

curl
  curl -s {server} -H 'Content-Type: application/json' \
    -d '{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"list_gmail_labels","arguments":{{}}}}}}'

this program
  workspace-mcp call --server {server} search_gmail_messages query=is:unread

Sign in by hand: open the link that start_google_auth returns; the consent page is the sandbox's
({sandbox}), with the demo users {}."#,
        names.join(" and ")
    ));
}
