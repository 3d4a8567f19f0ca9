//! Opaque page tokens.
//!
//! Not a cursor into live data: a token holds an offset, as good as Google's promise that pages
//! may shift when data changes. Invariant: a token is refused by any other question.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::error::ApiError;

/// What a token is bound to: the method and every parameter that selects items.
pub(crate) fn question(method: &str, params: &[(String, String)]) -> u64 {
    const FREE: &[&str] = &[
        "pageToken",
        "fields",
        "maxResults",
        "pageSize",
        "prettyPrint",
        "alt",
    ];
    let mut selecting: Vec<_> = params
        .iter()
        .filter(|(name, _)| !FREE.contains(&name.as_str()))
        .collect();
    selecting.sort();
    let mut text = method.to_owned();
    for (name, value) in selecting {
        text.extend(["\n", name, "=", value]);
    }
    fingerprint(text.as_bytes())
}

/// One page and the token of the next.
pub(crate) fn cut<T>(
    items: Vec<T>,
    size: usize,
    token: Option<&str>,
    question: u64,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let start = match token {
        None | Some("") => 0,
        Some(token) => read(token, question)
            .filter(|start| *start <= items.len())
            .ok_or_else(|| {
                ApiError::new(400, "invalid", "Invalid Value").at_parameter("pageToken")
            })?,
    };
    let more = items.len() > start + size;
    let page = items.into_iter().skip(start).take(size).collect();
    Ok((page, more.then(|| write(start + size, question))))
}

fn write(offset: usize, question: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{question:016x}:{offset}"))
}

fn read(token: &str, question: u64) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (asked, offset) = text.split_once(':')?;
    (asked == format!("{question:016x}")).then(|| offset.parse().ok())?
}

/// FNV-1a: stable between runs, which the standard hasher does not promise.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_to_the_whole_and_end() {
        let mut seen = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let (page, next) =
                cut((0..25).collect(), 10, token.as_deref(), 7).expect("own tokens are good");
            seen.extend(page);
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, (0..25).collect::<Vec<_>>());
    }

    #[test]
    fn a_token_of_another_question_is_refused() {
        let (_, next) = cut(vec![1, 2, 3], 1, None, 7).expect("the first page needs no token");
        assert_eq!(
            cut(vec![1, 2, 3], 1, next.as_deref(), 8)
                .expect_err("bound")
                .code,
            400
        );
        assert_eq!(
            cut(vec![1], 1, Some("nonsense"), 7)
                .expect_err("opaque")
                .code,
            400
        );
    }
}
