//! Bodies of several parts: `multipart/related` uploads and `multipart/mixed` batches.
//!
//! Not a mail parser. Invariant: a part's content is given exactly as it was sent, without the
//! line break that belongs to the boundary.

/// One part: its headers, names in lower case, and its content.
pub(crate) struct Part<'a> {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) content: &'a [u8],
}

impl Part<'_> {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

/// A header's value in a parsed list.
pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// The `boundary` of a multipart content type.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    content_type.split(';').find_map(|piece| {
        let (name, value) = piece.trim().split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then(|| value.trim().trim_matches('"').into())
    })
}

/// The parts of a body; none when it is not multipart with this boundary or not closed.
pub(crate) fn parts<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<Part<'a>>> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut start: Option<usize> = None;
    let mut at = 0;
    while at <= body.len() {
        let line_end = body[at..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|end| at + end + 1);
        let next = line_end.unwrap_or(body.len());
        let line = trim_end(&body[at..next]);
        if let Some(rest) = line.strip_prefix(delimiter.as_bytes())
            && (rest.is_empty() || rest == b"--")
        {
            if let Some(start) = start {
                parts.push(part(without_break(&body[start..at])));
            }
            if rest == b"--" {
                return Some(parts);
            }
            start = Some(next);
        }
        if line_end.is_none() {
            break;
        }
        at = next;
    }
    None
}

/// Splits a block of headers from what follows the empty line.
pub(crate) fn split_head(bytes: &[u8]) -> (Vec<(String, String)>, &[u8]) {
    let mut headers = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = bytes[at..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(bytes.len(), |n| at + n + 1);
        let line = trim_end(&bytes[at..end]);
        at = end;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = String::from_utf8_lossy(line).split_once(':') {
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    (headers, &bytes[at..])
}

fn part(bytes: &[u8]) -> Part<'_> {
    let (headers, content) = split_head(bytes);
    Part { headers, content }
}

fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn without_break(content: &[u8]) -> &[u8] {
    trim_end(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_their_bytes() {
        let body = b"--x\r\nContent-Type: application/json\r\n\r\n{}\r\n--x\r\nContent-Type: a/b\r\n\r\n\x00\n--xy\r\n\r\n--x--";
        let parts = parts(body, "x").expect("closed");
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].content, b"{}");
        assert_eq!(parts[1].header("content-type"), Some("a/b"));
        assert_eq!(parts[1].content, b"\x00\n--xy\r\n");
    }

    #[test]
    fn an_open_body_is_refused() {
        assert!(parts(b"--x\r\n\r\nabc", "x").is_none());
        assert_eq!(
            boundary("multipart/related; boundary=\"a b\"").as_deref(),
            Some("a b")
        );
    }
}
