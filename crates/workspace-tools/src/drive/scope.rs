//! Which drives a list is taken from.
//!
//! Invariant: every list says that it can deal with shared drives; without that Drive silently
//! leaves their files out.

use google_api::Call;

use super::file::is_id;
use crate::ToolError;

/// The parameters that choose the drives.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Scope {
    corpora: Option<String>,
    drive_id: Option<String>,
    include: bool,
}

/// The scope a caller asked for.
pub(super) fn of(
    drive_id: Option<&str>,
    corpora: Option<&str>,
    include: Option<bool>,
) -> Result<Scope, ToolError> {
    const CORPORA: &[&str] = &["user", "domain", "drive", "allDrives"];
    let drive_id = drive_id.filter(|id| !id.is_empty());
    if let Some(corpora) = corpora.filter(|corpora| !CORPORA.contains(corpora)) {
        return Err(ToolError::input(format!(
            "corpora is \"{corpora}\"; allowed are {}",
            CORPORA.join(", ")
        )));
    }
    if let Some(id) = drive_id.filter(|id| !is_id(id)) {
        return Err(ToolError::input(format!(
            "\"{id}\" is not the id of a shared drive"
        )));
    }
    match (drive_id, corpora) {
        (Some(_), Some(other)) if other != "drive" => Err(ToolError::input(format!(
            "drive_id goes with corpora=drive, not {other}"
        ))),
        (None, Some("drive")) => Err(ToolError::input("corpora=drive needs a drive_id")),
        (Some(id), _) => Ok(Scope {
            corpora: Some("drive".to_owned()),
            drive_id: Some(id.to_owned()),
            include: true,
        }),
        (None, corpora) => Ok(Scope {
            corpora: corpora.map(str::to_owned),
            drive_id: None,
            // Drive insists on it for this corpus.
            include: include.unwrap_or(true) || corpora == Some("allDrives"),
        }),
    }
}

impl Scope {
    /// The call with these parameters.
    pub(super) fn apply(self, call: Call) -> Call {
        call.param("supportsAllDrives", true)
            .param("includeItemsFromAllDrives", self.include)
            .param_opt("corpora", self.corpora)
            .param_opt("driveId", self.drive_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_drive_accepts_goes_out() {
        let one = of(Some("0Ab"), None, Some(false)).expect("a drive");
        assert_eq!((one.corpora.as_deref(), one.include), (Some("drive"), true));
        assert!(
            of(None, Some("allDrives"), Some(false))
                .expect("all")
                .include
        );
        assert!(of(None, Some("drive"), None).is_err());
        assert!(of(Some("0Ab"), Some("user"), None).is_err());
        assert!(of(Some("0A'b"), None, None).is_err());
        assert!(of(None, Some("everything"), None).is_err());
    }
}
