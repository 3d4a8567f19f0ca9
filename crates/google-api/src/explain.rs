//! What Google's refusals mean: kind, sentence, advice, and whether a repeat can help.
//!
//! Invariant: the same refusal always gets the same meaning, whichever of the three shapes of
//! JSON carried it.

use foundation::Kind;
use google_discovery::{Access, Method};

use crate::{ApiError, answer::Refusal};

/// Whether sending the same request again can help.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Repeat {
    /// Google did not execute it: a repeat is always safe.
    Safe,
    /// It may have been executed.
    IfIdempotent,
    /// The access token was refused.
    WithNewToken,
    /// It fails the same way again.
    Useless,
}

/// Whether a repeat can help after this refusal.
pub(crate) fn repeat(status: u16, refusal: &Refusal) -> Repeat {
    match status {
        401 => Repeat::WithNewToken,
        429 => Repeat::Safe,
        403 if is_rate_limit(refusal) => Repeat::Safe,
        // 501 says that the method does not exist, which another try does not change.
        408 | 500 | 502..=599 => Repeat::IfIdempotent,
        _ => Repeat::Useless,
    }
}

/// Whether the refusal says that requests come too fast.
pub(crate) fn is_rate_limit(refusal: &Refusal) -> bool {
    matches!(
        reason(refusal),
        "rateLimitExceeded"
            | "userRateLimitExceeded"
            | "RATE_LIMIT_EXCEEDED"
            | "RESOURCE_EXHAUSTED"
    )
}

/// The error a caller gets for a refusal that stands.
pub(crate) fn explain(method: &'static Method, status: u16, refusal: Refusal) -> ApiError {
    let meaning = meaning(method, status, &refusal);
    let said = if refusal.message.is_empty() {
        format!("status {status}")
    } else {
        refusal.message.clone()
    };
    let mut message = format!("{}: {said}", meaning.sentence);
    if !refusal.violations.is_empty() {
        message = format!("{message} ({})", refusal.violations.join("; "));
    }
    ApiError {
        kind: meaning.kind,
        method: method.id,
        status: Some(status),
        missing_scopes: meaning.missing_scopes,
        message: message.trim_end_matches('.').to_owned(),
        hint: meaning.hint,
        retry_after: refusal.retry_after,
        reason: refusal.reason,
        took_effect: false,
    }
}

/// The error for a request that may have taken effect although its answer is missing or a failure.
pub(crate) fn ambiguous(method: &'static Method, mut error: ApiError) -> ApiError {
    if method.access == Access::Read {
        return error;
    }
    error.kind = Kind::Unknown;
    error.message = format!(
        "{}; whether {} took effect is unknown, so it was not repeated",
        error.message, method.id
    );
    error.hint = Some(
        "look whether it took effect (search for what would have been created or changed) before \
         repeating it"
            .to_owned(),
    );
    error
}

struct Meaning {
    kind: Kind,
    sentence: String,
    hint: Option<String>,
    missing_scopes: Vec<String>,
}

fn meant(kind: Kind, sentence: impl Into<String>, hint: impl Into<String>) -> Meaning {
    let hint = hint.into();
    Meaning {
        kind,
        sentence: sentence.into(),
        hint: (!hint.is_empty()).then_some(hint),
        missing_scopes: Vec::new(),
    }
}

fn reason(refusal: &Refusal) -> &str {
    refusal.reason.as_deref().unwrap_or_default()
}

fn meaning(method: &'static Method, status: u16, refusal: &Refusal) -> Meaning {
    by_reason(method, status, refusal).unwrap_or_else(|| by_status(method, status))
}

fn by_reason(method: &'static Method, status: u16, refusal: &Refusal) -> Option<Meaning> {
    let meaning = match (status, reason(refusal)) {
        (403, _) if is_rate_limit(refusal) => too_fast(method),
        (
            403,
            "insufficientPermissions" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT" | "insufficientScopes",
        ) => Meaning {
            missing_scopes: method
                .scopes_narrowest_first()
                .into_iter()
                .map(Into::into)
                .collect(),
            ..meant(
                Kind::NeedsConsent,
                format!("the sign-in does not cover {}", method.id),
                "sign in again and allow this access",
            )
        },
        (403, "accessNotConfigured" | "SERVICE_DISABLED") => not_enabled(method, refusal),
        (403, "appNotAuthorizedToFile") => meant(
            Kind::Forbidden,
            "this app was not given this file",
            "open the file with the app's file picker, or sign in again with access to all of Drive",
        ),
        (403, "insufficientFilePermissions" | "insufficientParentPermissions") => meant(
            Kind::Forbidden,
            "the account may not do this to the file",
            "ask the owner of the file for more access",
        ),
        (
            403,
            "domainPolicy" | "accessDenied" | "cannotShareTeamDriveTopFolderWithAnyoneOrDomains",
        ) => meant(
            Kind::Forbidden,
            "a rule of the organisation does not allow this",
            "ask the Workspace administrator",
        ),
        (403, "exportSizeLimitExceeded") => meant(
            Kind::Input,
            "Google exports at most 10 MB",
            "use drive.files.download (a long-running export without this limit), one of the \
             file's exportLinks, a smaller format such as text/plain, or read parts of it through \
             the Docs, Sheets or Slides API",
        ),
        (403, "cannotDownloadFile" | "cannotDownloadAbusiveFile") => meant(
            Kind::Forbidden,
            "the file must not be downloaded",
            "its owner turned downloads off, or Google found it harmful (its owner can still take \
             it with acknowledgeAbuse)",
        ),
        (403, "fileNotDownloadable") => meant(
            Kind::Input,
            "files of Google's own formats have no content to download",
            "use drive.files.export with a mimeType such as text/markdown, text/csv or \
             application/pdf",
        ),
        (403, "storageQuotaExceeded" | "teamDriveFileLimitExceeded") => meant(
            Kind::Forbidden,
            "the storage is full",
            "free or buy storage; service accounts have none, let them write to a shared drive",
        ),
        (403, "numChildrenInNonRootLimitExceeded" | "teamDriveHierarchyTooDeep") => meant(
            Kind::Forbidden,
            "the folder is full or too deep",
            "use another folder",
        ),
        (403, "sharingRateLimitExceeded") => meant(
            Kind::Busy,
            "too many sharing invitations went out",
            "wait some hours, or share without sending e-mail notifications",
        ),
        (403 | 429, "dailyLimitExceeded" | "quotaExceeded" | "dailyLimitExceededUnreg") => meant(
            Kind::Busy,
            "the quota of the day is used up",
            "wait until tomorrow (midnight Pacific time), or raise the quota in the Google Cloud \
             console",
        ),
        (400, "failedPrecondition" | "FAILED_PRECONDITION") => meant(
            Kind::Conflict,
            "the state of the thing does not allow this",
            "read it again and repeat the change on its newest version",
        ),
        (403, "USER_PROJECT_DENIED") => meant(
            Kind::Forbidden,
            "the account may not use the configured quota project",
            "unset the quota project, or grant the account serviceusage.services.use in it",
        ),
        (410, "updatedMinTooLongAgo" | "fullSyncRequired") => meant(
            Kind::Conflict,
            "the sync token expired",
            "start again without a sync token",
        ),
        _ => return None,
    };
    Some(meaning)
}

fn by_status(method: &'static Method, status: u16) -> Meaning {
    match status {
        400 | 405 | 411 | 413..=417 | 422 => meant(
            Kind::Input,
            "Google did not accept the request",
            "correct the arguments; the same request fails again",
        ),
        401 => meant(
            Kind::NeedsConsent,
            "Google did not accept the sign-in",
            "sign in again",
        ),
        403 => meant(
            Kind::Forbidden,
            "Google does not allow this to the account",
            "check that the account has access and that the organisation allows it",
        ),
        404 => meant(
            Kind::NotFound,
            "Google knows no such thing, or the account may not see it",
            "check the id, and whether it belongs to another account",
        ),
        409 => meant(
            Kind::Conflict,
            "it exists already",
            "choose another id, or change the existing one",
        ),
        410 => meant(
            Kind::NotFound,
            "it is gone",
            "it was deleted; list again to see what is left",
        ),
        412 => meant(
            Kind::Conflict,
            "somebody changed it meanwhile",
            "read it again and repeat the change on its newest version",
        ),
        429 => too_fast(method),
        501 => meant(
            Kind::Upstream,
            "the other side does not know this method",
            "",
        ),
        500..=599 | 408 => meant(Kind::Upstream, "Google failed", "try again in a minute"),
        other => meant(
            Kind::Upstream,
            format!("Google answered with status {other}"),
            "",
        ),
    }
}

fn too_fast(method: &'static Method) -> Meaning {
    meant(
        Kind::Busy,
        format!("Google limits how often {} may be called", method.id),
        "wait a minute, or ask for less at once",
    )
}

fn not_enabled(method: &'static Method, refusal: &Refusal) -> Meaning {
    let api = method.api();
    let service = refusal
        .service
        .clone()
        .unwrap_or_else(|| service_name(api.name));
    let project = refusal
        .project
        .clone()
        .or_else(|| project_in(&refusal.message));
    let place = project
        .map(|id| format!(" in project {id}"))
        .unwrap_or_default();
    let link = format!("https://console.cloud.google.com/flows/enableapi?apiid={service}");
    let exact = refusal
        .link
        .as_deref()
        .filter(|given| given.starts_with("https://console."))
        .map(|given| format!(" (or {given})"))
        .unwrap_or_default();
    meant(
        Kind::Forbidden,
        format!("the API {service} is not enabled{place}"),
        format!(
            "let an administrator of the Google Cloud project open {link}{exact}, press Enable, wait 1–2 minutes and try again"
        ),
    )
}

/// The name by which the Google Cloud console knows an API.
fn service_name(api: &str) -> String {
    let name = match api {
        "calendar" => "calendar-json",
        "directory" | "reports" => "admin",
        "oauth2" => "people",
        same => same,
    };
    format!("{name}.googleapis.com")
}

/// `… has not been used in project 123 before …`
fn project_in(message: &str) -> Option<String> {
    let mut words = message.split_whitespace();
    words.find(|word| *word == "project")?;
    words
        .next()
        .map(|id| id.trim_matches(|c: char| !c.is_alphanumeric()).to_owned())
        .filter(|id| !id.is_empty() && id.chars().any(|c| c.is_ascii_digit() || c == '-'))
}

#[cfg(test)]
mod tests {
    use google_discovery::catalogue;

    use super::*;

    fn explained(id: &str, status: u16, reason: &str, message: &str) -> ApiError {
        let refusal = Refusal {
            reason: Some(reason.to_owned()),
            message: message.to_owned(),
            ..Refusal::default()
        };
        explain(catalogue().method(id).unwrap(), status, refusal)
    }

    #[test]
    fn the_table_of_meanings() {
        let list = "drive.files.list";
        for (status, reason, kind) in [
            (400, "badRequest", Kind::Input),
            (400, "failedPrecondition", Kind::Conflict),
            (401, "authError", Kind::NeedsConsent),
            (403, "userRateLimitExceeded", Kind::Busy),
            (403, "RATE_LIMIT_EXCEEDED", Kind::Busy),
            (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", Kind::NeedsConsent),
            (403, "insufficientFilePermissions", Kind::Forbidden),
            (403, "storageQuotaExceeded", Kind::Forbidden),
            (403, "dailyLimitExceeded", Kind::Busy),
            (403, "exportSizeLimitExceeded", Kind::Input),
            (404, "notFound", Kind::NotFound),
            (409, "duplicate", Kind::Conflict),
            (410, "updatedMinTooLongAgo", Kind::Conflict),
            (410, "deleted", Kind::NotFound),
            (412, "conditionNotMet", Kind::Conflict),
            (429, "anything", Kind::Busy),
            (503, "backendError", Kind::Upstream),
        ] {
            assert_eq!(
                explained(list, status, reason, "x").kind,
                kind,
                "{status} {reason}"
            );
        }
    }

    #[test]
    fn what_is_used_up_for_hours_is_not_repeated() {
        for reason in [
            "storageQuotaExceeded",
            "dailyLimitExceeded",
            "sharingRateLimitExceeded",
            "forbidden",
        ] {
            let refusal = Refusal {
                reason: Some(reason.to_owned()),
                ..Refusal::default()
            };
            assert_eq!(repeat(403, &refusal), Repeat::Useless, "{reason}");
        }
        assert_eq!(repeat(501, &Refusal::default()), Repeat::Useless);
        assert_eq!(repeat(503, &Refusal::default()), Repeat::IfIdempotent);
    }

    #[test]
    fn an_api_that_is_not_enabled_names_link_project_and_patience() {
        let error = explained(
            "calendar.events.list",
            403,
            "accessNotConfigured",
            "Google Calendar API has not been used in project 4711 before or it is disabled.",
        );
        assert!(
            error
                .message
                .contains("calendar-json.googleapis.com is not enabled in project 4711")
        );
        let hint = error.hint.unwrap();
        assert!(hint.contains(
            "https://console.cloud.google.com/flows/enableapi?apiid=calendar-json.googleapis.com"
        ));
        assert!(hint.contains("wait 1–2 minutes"));
    }

    #[test]
    fn too_little_consent_names_the_scopes_that_would_do() {
        let error = explained(
            "gmail.users.messages.send",
            403,
            "insufficientPermissions",
            "no",
        );
        assert!(
            error
                .missing_scopes
                .contains(&"https://www.googleapis.com/auth/gmail.send".to_owned())
        );
    }
}
