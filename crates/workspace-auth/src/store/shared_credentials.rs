//! Keys from the file that AWS tools share, `~/.aws/credentials`.
//!
//! Only the three key settings of one profile; no roles, no processes, no single sign-on.
//! Invariant: the file is read only when nothing else names a source of credentials.

use std::{collections::BTreeMap, path::PathBuf};

/// The keys of a profile.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) access_key_id: Option<String>,
    pub(super) secret_access_key: Option<String>,
    pub(super) session_token: Option<String>,
}

/// Where the file is.
pub(super) fn path(settings: &BTreeMap<String, String>) -> Option<PathBuf> {
    if let Some(path) = settings.get("AWS_SHARED_CREDENTIALS_FILE") {
        return Some(PathBuf::from(path));
    }
    settings
        .get("HOME")
        .map(|home| PathBuf::from(home).join(".aws/credentials"))
}

/// The keys of `profile` in the text of such a file.
pub(super) fn keys(text: &str, profile: &str) -> Option<Keys> {
    let mut inside = false;
    let mut found = None;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            inside = name.trim() == profile;
            if inside {
                found.get_or_insert_with(Keys::default);
            }
        } else if let (true, Some((name, value))) = (inside, line.split_once('=')) {
            let keys = found.get_or_insert_with(Keys::default);
            let value = Some(value.trim().to_owned());
            match name.trim() {
                "aws_access_key_id" => keys.access_key_id = value,
                "aws_secret_access_key" => keys.secret_access_key = value,
                "aws_session_token" => keys.session_token = value,
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_profile_counts() {
        let text = "# note\n[default]\naws_access_key_id = A\naws_secret_access_key=B\n\n\
                    [work]\naws_access_key_id=C\naws_secret_access_key = D=\naws_session_token=E\n";
        let default = keys(text, "default").unwrap();
        assert_eq!(default.access_key_id.as_deref(), Some("A"));
        assert_eq!(default.session_token, None);
        let work = keys(text, "work").unwrap();
        assert_eq!(work.secret_access_key.as_deref(), Some("D="));
        assert_eq!(work.session_token.as_deref(), Some("E"));
        assert!(keys(text, "other").is_none());
    }
}
