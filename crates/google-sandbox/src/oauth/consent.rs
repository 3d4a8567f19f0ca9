//! The pages a person sees while signing in.
//!
//! Not a decision. Invariant: everything that came from outside is escaped.

use std::fmt::Write as _;

use super::{authorize::Question, state};
use crate::world::User;

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;background:#f0f4f9;color:#1f1f1f;margin:0;display:grid;\
min-height:100vh;place-items:center}\
main{background:#fff;border-radius:28px;padding:36px;width:min(460px,92vw);box-sizing:border-box}\
h1{font-size:26px;font-weight:400;margin:0 0 4px}p{margin:0 0 20px;color:#444746}\
fieldset{border:1px solid #dadce0;border-radius:14px;margin:0 0 18px;padding:8px 16px}\
legend{font-size:13px;color:#444746;padding:0 6px}label{display:flex;gap:12px;padding:8px 0}\
small{color:#5f6368;overflow-wrap:anywhere;display:block}\
.row{display:flex;justify-content:flex-end;gap:12px}\
button{font:inherit;border-radius:20px;border:1px solid #747775;background:#fff;padding:8px 24px;\
cursor:pointer}button[value=allow]{background:#0b57d0;border-color:#0b57d0;color:#fff}\
code{background:#f0f4f9;border-radius:6px;padding:2px 6px}";

/// The consent page.
pub(super) fn page(question: &Question, users: &[User], action: &str) -> String {
    let mut accounts = String::new();
    let hinted = question.login_hint.as_deref().unwrap_or_default();
    let position = users
        .iter()
        .position(|user| user.email.eq_ignore_ascii_case(hinted))
        .unwrap_or(0);
    for (at, user) in users.iter().enumerate() {
        let checked = if at == position { " checked" } else { "" };
        write!(
            accounts,
            "<label><input type=\"radio\" name=\"user\" value=\"{email}\"{checked}>\
             <span>{name}<small>{email}</small></span></label>",
            email = escaped(&user.email),
            name = escaped(&user.name),
        )
        .expect("a String takes everything");
    }
    let mut ticks = String::new();
    for scope in question
        .scopes
        .iter()
        .filter(|scope| !state::is_identity(scope))
    {
        write!(
            ticks,
            "<label><input type=\"checkbox\" name=\"scope\" value=\"{scope}\" checked>\
             <span>{words}<small>{scope}</small></span></label>",
            scope = escaped(scope),
            words = escaped(words(scope)),
        )
        .expect("a String takes everything");
    }
    let rights = if ticks.is_empty() {
        String::new()
    } else {
        format!("<fieldset><legend>What it may do</legend>{ticks}</fieldset>")
    };
    document(
        "Sign in - Google Workspace sandbox",
        &format!(
            "<h1>Sign in</h1><p><code>{client}</code> wants access to a sandbox account. \
             No real account is involved.</p>\
             <form method=\"post\" action=\"{action}\">\
             <input type=\"hidden\" name=\"ticked\" value=\"1\">\
             <fieldset><legend>Choose an account</legend>{accounts}</fieldset>{rights}\
             <div class=\"row\"><button name=\"decision\" value=\"cancel\">Cancel</button>\
             <button name=\"decision\" value=\"allow\">Allow</button></div></form>",
            client = escaped(&question.client_id),
            action = escaped(action),
        ),
    )
}

/// The page for a question that cannot be asked.
pub(super) fn refusal(code: &str, explanation: &str) -> String {
    document(
        "Access blocked - Google Workspace sandbox",
        &format!(
            "<h1>Access blocked</h1><p>{}</p><p><code>{}</code></p>",
            escaped(explanation),
            escaped(code)
        ),
    )
}

fn document(title: &str, content: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><main>{content}</main></body></html>"
    )
}

/// What a scope means, for people.
fn words(scope: &str) -> &str {
    match scope.trim_start_matches("https://www.googleapis.com/auth/") {
        "https://mail.google.com/" => "Read, write, send and permanently delete mail",
        "gmail.readonly" => "Read mail and settings",
        "gmail.modify" => "Read, write and send mail",
        "gmail.send" => "Send mail",
        "gmail.compose" => "Manage drafts and send mail",
        "gmail.labels" => "Manage labels",
        "gmail.metadata" => "See headers and labels, but no bodies",
        "gmail.settings.basic" => "Manage mail settings and filters",
        "drive" => "See, edit, create and delete all files",
        "drive.readonly" => "See and download all files",
        "drive.file" => "See and edit the files this app opens or creates",
        "drive.metadata.readonly" => "See information about files",
        "calendar" => "See, edit, share and delete all calendars",
        "calendar.readonly" => "See calendars",
        "calendar.events" => "See and edit events",
        "calendar.events.readonly" => "See events",
        "documents" => "See, edit and create documents",
        "spreadsheets" => "See, edit and create spreadsheets",
        "presentations" => "See, edit and create presentations",
        "contacts" => "See, edit and delete contacts",
        "tasks" => "Create, edit and delete tasks",
        other => other,
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
