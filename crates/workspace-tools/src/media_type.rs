//! The media type that a file's name suggests.
//!
//! Not an inspection of content. Invariant: only types of the list or the unspecific one.

/// The type when nothing is known.
const UNKNOWN: &str = "application/octet-stream";

const BY_EXTENSION: &[(&str, &str)] = &[
    ("txt", "text/plain"),
    ("log", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("tsv", "text/tab-separated-values"),
    ("html", "text/html"),
    ("htm", "text/html"),
    ("ics", "text/calendar"),
    ("vcf", "text/vcard"),
    ("css", "text/css"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("xml", "application/xml"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("pdf", "application/pdf"),
    ("rtf", "application/rtf"),
    ("epub", "application/epub+zip"),
    ("zip", "application/zip"),
    ("gz", "application/gzip"),
    ("tar", "application/x-tar"),
    ("doc", "application/msword"),
    ("xls", "application/vnd.ms-excel"),
    ("ppt", "application/vnd.ms-powerpoint"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    (
        "pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("svg", "image/svg+xml"),
    ("heic", "image/heic"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("mp3", "audio/mpeg"),
    ("wav", "audio/wav"),
    ("mp4", "video/mp4"),
    ("mov", "video/quicktime"),
    ("eml", "message/rfc822"),
];

/// The type of a file called `name`.
pub(crate) fn of_name(name: &str) -> &'static str {
    let extension = name
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase())
        .unwrap_or_default();
    BY_EXTENSION
        .iter()
        .find(|(known, _)| *known == extension)
        .map_or(UNKNOWN, |(_, media_type)| media_type)
}

/// Whether `written` is a plain `type/subtype`.
pub(crate) fn is_valid(written: &str) -> bool {
    let token = |part: &str| {
        (1..=127).contains(&part.len())
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c))
    };
    written
        .split_once('/')
        .is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_suggest_types() {
        assert_eq!(of_name("Report.PDF"), "application/pdf");
        assert_eq!(of_name("README"), UNKNOWN);
        assert!(
            BY_EXTENSION
                .iter()
                .all(|(_, media_type)| is_valid(media_type))
        );
    }

    #[test]
    fn only_plain_types_are_valid() {
        for wrong in [
            "",
            "text",
            "text/",
            "text/plain; charset=x",
            "a/b\r\nBcc: x",
            "a/b/c",
        ] {
            assert!(!is_valid(wrong), "{wrong:?}");
        }
    }
}
