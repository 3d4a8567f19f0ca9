//! The one text that says where credentials rest.
//!
//! Invariant: only texts that begin with `s3://` (in any letter case, after trimming) mean S3.

use std::path::PathBuf;

use super::StoreError;

/// A parsed location.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Location {
    /// In this process only.
    Memory,
    /// A folder.
    Directory(PathBuf),
    /// A bucket.
    S3 {
        /// Its name.
        bucket: String,
        /// What all keys begin with, without slashes at its ends; may be empty.
        prefix: String,
    },
}

impl Location {
    /// Reads `s3://bucket/prefix`, `memory:` or the path of a folder.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(wrong(
                "no credential store is named; name a folder or s3://bucket/prefix",
            ));
        }
        if text.eq_ignore_ascii_case("memory:") {
            return Ok(Self::Memory);
        }
        let is_s3 = text
            .get(..5)
            .is_some_and(|start| start.eq_ignore_ascii_case("s3://"));
        let Some(rest) = is_s3.then(|| text.get(5..)).flatten() else {
            return Ok(Self::Directory(PathBuf::from(text)));
        };
        let mut parts = rest
            .split('/')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        let bucket = parts
            .next()
            .filter(|_| !rest.starts_with('/'))
            .ok_or_else(|| wrong("the S3 location names no bucket; write s3://bucket/prefix"))?;
        let prefix: Vec<&str> = parts.collect();
        if prefix.iter().any(|part| matches!(*part, "." | "..")) {
            return Err(wrong(
                "the prefix of the S3 location must not contain . or ..",
            ));
        }
        Ok(Self::S3 {
            bucket: bucket.to_owned(),
            prefix: prefix.join("/"),
        })
    }
}

fn wrong(problem: &str) -> StoreError {
    StoreError::Misconfigured {
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3(bucket: &str, prefix: &str) -> Location {
        Location::S3 {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        }
    }

    #[test]
    fn s3_is_told_from_folders() {
        let cases = [
            ("s3://tokens", s3("tokens", "")),
            ("s3://tokens/", s3("tokens", "")),
            ("S3://tokens/google", s3("tokens", "google")),
            ("  s3://tokens//google///x/ ", s3("tokens", "google/x")),
            ("/var/lib/x", Location::Directory("/var/lib/x".into())),
            ("./s3://x", Location::Directory("./s3://x".into())),
            ("s3:/x", Location::Directory("s3:/x".into())),
            ("memory:", Location::Memory),
            ("ü", Location::Directory("ü".into())),
        ];
        for (text, expected) in cases {
            assert_eq!(Location::parse(text).unwrap(), expected, "{text}");
        }
        for text in ["", "  ", "s3://", "s3:///x", "s3://b/../x"] {
            assert!(Location::parse(text).is_err(), "{text:?}");
        }
    }
}
