//! Lines out of chunks of bytes.
//!
//! Pure. Invariant: never more is kept than the longest line allowed.

use std::borrow::Cow;

use crate::upstream::gather::{fits, gather};

/// Takes lines out of chunks.
pub(super) struct Lines {
    begun: Vec<u8>,
    longest: usize,
}

/// A line is longer than allowed.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct TooLong;

impl Lines {
    pub(super) fn new(longest: usize) -> Self {
        Self {
            begun: Vec::new(),
            longest,
        }
    }

    /// The next whole line of what was begun and `chunk`, of which it takes its part; nothing
    /// when `chunk` is used up.
    pub(super) fn next<'c>(
        &mut self,
        chunk: &mut &'c [u8],
    ) -> Result<Option<Cow<'c, [u8]>>, TooLong> {
        let end = chunk.iter().position(|&byte| byte == b'\n');
        let (part, rest) = match end {
            Some(end) => {
                let (part, rest) = chunk.split_at(end);
                (part, rest.get(1..).unwrap_or_default())
            }
            None => (*chunk, &[][..]),
        };
        *chunk = rest;
        let line = if end.is_some() && self.begun.is_empty() {
            Cow::Borrowed(part)
        } else if !gather(&mut self.begun, part, self.longest) {
            return Err(TooLong);
        } else if end.is_some() {
            Cow::Owned(std::mem::take(&mut self.begun))
        } else {
            return Ok(None);
        };
        if fits(&line, self.longest) {
            Ok(Some(line))
        } else {
            Err(TooLong)
        }
    }

    /// What was begun and never ended.
    pub(super) fn rest(self) -> Vec<u8> {
        self.begun
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(longest: usize, chunks: &[&[u8]]) -> (Vec<Vec<u8>>, bool, Vec<u8>) {
        let mut lines = Lines::new(longest);
        let mut whole = Vec::new();
        for mut chunk in chunks.iter().copied() {
            loop {
                match lines.next(&mut chunk) {
                    Ok(Some(line)) => whole.push(line.into_owned()),
                    Ok(None) => break,
                    Err(TooLong) => return (whole, true, Vec::new()),
                }
                assert!(lines.begun.capacity() <= longest);
            }
        }
        (whole, false, lines.rest())
    }

    #[test]
    fn a_line_of_the_longest_length_passes_and_one_more_byte_does_not() {
        assert_eq!(lines(4, &[b"ab", b"cd\nx"]).0, [b"abcd"]);
        assert!(lines(4, &[b"ab", b"cde"]).1);
        assert!(lines(4, &[b"abcde\n"]).1);
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(text in "[a\n]{0,200}", cut in 1usize..20) {
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(cut).collect();
            let (whole, too_long, rest) = lines(1_000, &chunks);
            prop_assert!(!too_long);
            let mut expected: Vec<Vec<u8>> = text.split('\n').map(|line| line.as_bytes().to_vec()).collect();
            prop_assert_eq!(rest, expected.pop().unwrap_or_default());
            prop_assert_eq!(whole, expected);
        }
    }
}
