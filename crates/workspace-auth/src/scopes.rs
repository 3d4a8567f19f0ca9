//! Which scopes a sign-in asks for.
//!
//! What is asked for follows from the enabled tools; a caller may name services and add scopes,
//! but a service that is not enabled is refused. Not the check of a call's scopes: that is the
//! token source's. Invariant: the result is sorted, without doubles, and identity comes along.

use crate::AuthError;

/// Asked for at every sign-in.
pub const IDENTITY: &[&str] = &[
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
    "openid",
];

const GOOGLE: &str = "https://www.googleapis.com/auth/";

/// Services, what their scopes begin with, and whether Drive's scopes serve them too.
const SERVICES: &[(&str, &[&str], bool)] = &[
    ("gmail", &["gmail."], false),
    ("drive", &["drive"], false),
    ("calendar", &["calendar"], false),
    ("docs", &["documents"], true),
    ("sheets", &["spreadsheets"], true),
    ("slides", &["presentations"], true),
    ("forms", &["forms."], true),
    ("tasks", &["tasks"], false),
    ("chat", &["chat."], false),
    ("contacts", &["contacts", "directory.readonly"], false),
    ("script", &["script."], false),
    ("search", &["cse"], false),
    ("meet", &["meetings."], false),
];

/// Other names people use.
const ALSO: &[(&str, &str)] = &[
    ("mail", "gmail"),
    ("people", "contacts"),
    ("appsscript", "script"),
    ("spreadsheets", "sheets"),
    ("documents", "docs"),
    ("presentations", "slides"),
    ("customsearch", "search"),
];

/// The scopes to ask for: identity, those of the enabled tools, and those wanted besides.
pub(crate) fn asked(
    enabled: &[String],
    service: Option<&str>,
    wanted: &[String],
) -> Result<Vec<String>, AuthError> {
    let mut scopes: Vec<String> = IDENTITY.iter().map(|scope| (*scope).to_owned()).collect();
    scopes.extend(enabled.iter().cloned());
    for name in service.into_iter().chain(wanted.iter().map(String::as_str)) {
        let name = name.trim();
        if is_scope(name) {
            scopes.push(name.to_owned());
        } else {
            check_service(name, enabled)?;
        }
    }
    scopes.sort();
    scopes.dedup();
    Ok(scopes)
}

/// The scopes that were asked for but not granted.
pub(crate) fn left_out(asked: &[String], granted: &[String]) -> Vec<String> {
    let met = |scope: &&String| granted.contains(scope) || IDENTITY.contains(&scope.as_str());
    asked.iter().filter(|scope| !met(scope)).cloned().collect()
}

fn is_scope(name: &str) -> bool {
    let known = name.starts_with(GOOGLE)
        || name == "https://mail.google.com/"
        || matches!(name, "openid" | "email" | "profile");
    known && name.chars().all(|c| c.is_ascii_graphic())
}

fn check_service(name: &str, enabled: &[String]) -> Result<(), AuthError> {
    let plain: String = name
        .to_ascii_lowercase()
        .trim_start_matches("google")
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    if matches!(plain.as_str(), "" | "all" | "workspace") {
        return Ok(());
    }
    let plain = ALSO
        .iter()
        .find(|(other, _)| *other == plain)
        .map_or(plain.as_str(), |(_, own)| own);
    let Some((service, beginnings, by_drive)) =
        SERVICES.iter().find(|(service, ..)| *service == plain)
    else {
        let known: Vec<&str> = SERVICES.iter().map(|(service, ..)| *service).collect();
        return Err(AuthError::Input {
            problem: format!(
                "there is no service or scope of this name; name one of {}, or a full scope such \
                 as {GOOGLE}gmail.readonly",
                known.join(", ")
            ),
        });
    };
    let serves = |scope: &String| {
        let short = scope.strip_prefix(GOOGLE).unwrap_or_default();
        beginnings
            .iter()
            .any(|beginning| short.starts_with(beginning))
            || (*by_drive && short.starts_with("drive"))
            || (*service == "gmail" && scope == "https://mail.google.com/")
    };
    if enabled.iter().any(serves) {
        return Ok(());
    }
    Err(AuthError::Input {
        problem: format!("no {service} tool is enabled on this server, so it cannot sign in to it"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(scopes: &[&str]) -> Vec<String> {
        scopes.iter().map(|scope| (*scope).to_owned()).collect()
    }

    #[test]
    fn only_enabled_services_can_be_named() {
        let enabled = list(&["https://www.googleapis.com/auth/drive.readonly"]);
        let asked_for = |service| asked(&enabled, Some(service), &[]);
        let expected = list(&[
            "https://www.googleapis.com/auth/drive.readonly",
            "https://www.googleapis.com/auth/userinfo.email",
            "https://www.googleapis.com/auth/userinfo.profile",
            "openid",
        ]);
        for service in [
            "drive",
            "Google Drive",
            "docs",
            "google",
            "all",
            "spreadsheets",
        ] {
            assert_eq!(asked_for(service).unwrap(), expected, "{service}");
        }
        let refused = asked_for("gmail").unwrap_err().to_string();
        assert!(refused.contains("no gmail tool is enabled"), "{refused}");
        let unknown = asked_for("fax").unwrap_err().to_string();
        assert!(unknown.contains("calendar"), "{unknown}");
        assert!(!unknown.contains("fax"), "input is not repeated");
    }

    #[test]
    fn full_scopes_are_added_and_foreign_ones_refused() {
        let more = list(&["https://www.googleapis.com/auth/tasks"]);
        assert!(asked(&[], None, &more).unwrap().contains(&more[0]));
        for foreign in [
            "https://evil.example/auth/x",
            "https://www.googleapis.com/auth/a b",
        ] {
            assert!(asked(&[], None, &list(&[foreign])).is_err(), "{foreign}");
        }
    }

    #[test]
    fn identity_never_counts_as_left_out() {
        let asked = list(&["openid", "https://www.googleapis.com/auth/tasks"]);
        assert_eq!(
            left_out(&asked, &[]),
            list(&["https://www.googleapis.com/auth/tasks"])
        );
    }
}
