//! The names under which credentials rest.
//!
//! Not an authority: a key says where a document is, not whose it is. Invariant: two identifiers
//! never share a key, and no identifier leaves its folder.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::store::StoreError;

/// What stays as it is in a key; everything else becomes `%XX`.
const UNSAFE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'@')
    .remove(b'.')
    .remove(b'_')
    .remove(b'+')
    .remove(b'-');

/// The longest encoded identifier; with `.json` it fits a file name.
const LONGEST: usize = 240;

/// Where one credential document rests, relative to the store's folder or prefix.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CredentialKey(String);

impl CredentialKey {
    /// The document that the caller names `user_id`.
    pub fn for_user_id(user_id: &str) -> Result<Self, StoreError> {
        let refused = user_id.contains(['/', '\\'])
            || user_id.contains("..")
            || user_id.chars().any(char::is_control);
        if refused || user_id.trim().is_empty() {
            return Err(bad(
                "user_id must not be empty, contain / or \\, .., or control characters",
            ));
        }
        Self::encoded(user_id)
    }

    /// The document of a Google account.
    pub fn for_email(email: &str) -> Result<Self, StoreError> {
        Self::encoded(&canonical_email(email))
    }

    /// The document of a Google account that one signed-in person linked. A slash cannot occur in
    /// the other forms, so these never meet them.
    pub fn owned(owner: &str, email: &str) -> Result<Self, StoreError> {
        Self::encoded(&format!("{owner}/{}", canonical_email(email)))
    }

    /// What the keys of all accounts that one signed-in person linked begin with.
    pub(crate) fn owned_prefix(owner: &str) -> String {
        dotless(utf8_percent_encode(&format!("{owner}/"), UNSAFE).to_string())
    }

    /// The key a listing showed, if it is one of a credential document.
    pub fn from_listing(key: &str) -> Option<Self> {
        let (stem, suffix) = key.rsplit_once('.')?;
        let document = suffix.eq_ignore_ascii_case("json")
            && !stem.is_empty()
            && !stem.starts_with('.')
            && !stem.contains('/');
        document.then(|| Self(key.to_owned()))
    }

    /// The key itself: a file name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The identifier it was made from.
    pub fn identifier(&self) -> String {
        let stem = self
            .0
            .rsplit_once('.')
            .map_or(self.0.as_str(), |(stem, _)| stem);
        percent_decode_str(stem).decode_utf8_lossy().into_owned()
    }

    fn encoded(identifier: &str) -> Result<Self, StoreError> {
        let encoded = dotless(utf8_percent_encode(identifier, UNSAFE).to_string());
        if encoded.is_empty() || encoded.len() > LONGEST {
            return Err(bad(
                "an account identifier needs 1 to 240 characters once encoded",
            ));
        }
        Ok(Self(format!("{encoded}.json")))
    }
}

impl fmt::Display for CredentialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The form in which two addresses are compared: trimmed and in lower case, nothing more. Dots and
/// `+tags` are kept, since only consumer Gmail ignores them.
pub fn canonical_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// A leading dot would hide the file and could spell a parent folder.
fn dotless(encoded: String) -> String {
    match encoded.strip_prefix('.') {
        Some(rest) => format!("%2E{rest}"),
        None => encoded,
    }
}

fn bad(problem: &str) -> StoreError {
    StoreError::BadName {
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The shape deployments rely on in bucket policies: `^[A-Za-z0-9%@._+-]{1,240}\.json$`.
    fn well_formed(key: &CredentialKey) -> bool {
        let Some(stem) = key.as_str().strip_suffix(".json") else {
            return false;
        };
        (1..=240).contains(&stem.len())
            && !stem.starts_with('.')
            && stem
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "%@._+-".contains(c))
    }

    #[test]
    fn common_addresses_keep_their_plain_names() {
        let key = |email| CredentialKey::for_email(email).unwrap().to_string();
        assert_eq!(key("alice@example.com"), "alice@example.com.json");
        assert_eq!(key(" Alice+x@Example.COM "), "alice+x@example.com.json");
        assert_eq!(
            key("j.o'hara_1-2@example.com"),
            "j.o%27hara_1-2@example.com.json"
        );
    }

    #[test]
    fn traversal_is_refused_or_made_harmless() {
        for name in [
            "../x", "..\\x", "a/b", "a\\b", "a\0b", "a\nb", "..", "", "   ",
        ] {
            assert!(CredentialKey::for_user_id(name).is_err(), "{name:?}");
        }
        for name in [
            ".",
            "..",
            "../../etc/passwd",
            "%2e%2e",
            "/etc",
            "a\0",
            "CON",
            "x.",
            "ü@ä.de",
        ] {
            assert!(
                well_formed(&CredentialKey::for_email(name).unwrap()),
                "{name:?}"
            );
        }
        assert!(CredentialKey::for_email(&"x".repeat(241)).is_err());
        assert!(CredentialKey::for_email(&"x".repeat(240)).is_ok());
    }

    #[test]
    fn listings_yield_only_documents() {
        for key in [
            "state/a.json",
            ".tmp-1",
            ".hidden.json",
            "notes.txt",
            ".json",
            "json",
        ] {
            assert_eq!(CredentialKey::from_listing(key), None, "{key}");
        }
        assert!(CredentialKey::from_listing("Alice@Example.com.JSON").is_some());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn two_addresses_never_share_a_key(one in ".{1,40}", other in ".{1,40}") {
            let (a, b) = (CredentialKey::for_email(&one), CredentialKey::for_email(&other));
            if let (Ok(a), Ok(b)) = (a, b) {
                prop_assert!(well_formed(&a), "{}", a);
                prop_assert_eq!(a == b, canonical_email(&one) == canonical_email(&other));
                prop_assert_eq!(a.identifier(), canonical_email(&one));
            }
        }

        #[test]
        fn neither_do_near_twins(base in "[a-c%.+@/2eE]{1,6}", other in "[a-c%.+@/2eE]{1,6}") {
            let a = CredentialKey::for_email(&base).unwrap();
            let b = CredentialKey::for_email(&other).unwrap();
            prop_assert_eq!(a == b, canonical_email(&base) == canonical_email(&other));
            if let Ok(id) = CredentialKey::for_user_id(&base) {
                prop_assert_ne!(id, CredentialKey::owned(&base, &other).unwrap());
            }
        }
    }
}
