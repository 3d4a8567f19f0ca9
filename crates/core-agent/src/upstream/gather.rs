//! Bytes gathered piece by piece, and how much they may be.
//!
//! Pure. Invariant: what is gathered lies in memory once: it is moved while it is short, and never
//! again afterwards.

/// Up to here room is doubled as it is needed.
const SHORT: usize = 64 << 10;
/// The bytes a value of JSON counts for at least: as data it takes more, however short its text.
pub(super) const VALUE: usize = 128;
/// Values that are allowed in any case.
const FEW: usize = 10_000;

/// Appends `piece` to what may become `most` bytes long, or says that it would be longer.
pub(super) fn gather(whole: &mut Vec<u8>, piece: &[u8], most: usize) -> bool {
    let needed = whole.len().saturating_add(piece.len());
    if needed > most {
        return false;
    }
    if needed > whole.capacity() {
        // Room that nothing was written to is an address and no memory, so what is long gets all
        // it may need: room that grows would for a while be held twice.
        let room = if needed > SHORT {
            most
        } else {
            needed.next_power_of_two().min(most)
        };
        whole.reserve_exact(room - whole.len());
    }
    whole.extend_from_slice(piece);
    true
}

/// Whether a text of JSON is no more than `most` bytes, as text and as the data it becomes.
pub(super) fn fits(text: &[u8], most: usize) -> bool {
    text.len() <= most && (text.len() <= FEW || values(text) <= (most / VALUE).max(FEW))
}

/// About the values in a text of JSON, without reading it. Never fewer than a reader would find:
/// an array counts for its first entry too, an object also for its table of keys.
fn values(text: &[u8]) -> usize {
    let mut values = 0;
    let mut quoted = false;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            // In a text of JSON there is none within quotes.
            b'\n' => quoted = false,
            b'\\' if quoted => {
                bytes.next();
            }
            _ if quoted => {}
            b',' => values += 1,
            b'[' => values += 2,
            b'{' => values += 3,
            _ => {}
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_and_what_looks_like_them_is_not() {
        for (text, count) in [
            ("7", 0),
            ("[1,2,3]", 4),
            (r#"{"a":1,"b":[true]}"#, 6),
            (r#"["[1,2,3]","\",\",{{",0]"#, 4),
            ("event: \"\ndata: [1,2]", 3),
        ] {
            assert_eq!(values(text.as_bytes()), count, "{text}");
        }
    }

    #[test]
    fn many_short_values_are_as_large_as_what_they_become() {
        let text = |count: usize| format!("[{}0]", "0,".repeat(count));
        assert!(fits(text(FEW - 10).as_bytes(), 1 << 20));
        assert!(!fits(text(FEW + 10).as_bytes(), 1 << 20));
        assert!(fits(text(FEW + 10).as_bytes(), 8 << 20));
        let long = format!("[\"{}\"]", "0,".repeat(FEW + 10));
        assert!(fits(long.as_bytes(), long.len()) && !fits(long.as_bytes(), long.len() - 1));
    }

    #[test]
    fn nothing_longer_than_allowed_is_gathered() {
        let mut whole = Vec::new();
        assert!(gather(&mut whole, b"abc", 5));
        assert!(!gather(&mut whole, b"def", 5));
        assert!(gather(&mut whole, b"de", 5));
        assert!(gather(&mut whole, b"", 5));
        assert_eq!(whole, b"abcde");
        assert!(whole.capacity() <= 5);
    }

    #[test]
    fn what_is_long_is_not_moved() {
        let most = 8 << 20;
        let mut whole = Vec::new();
        let piece = [b'a'; 1_000];
        while whole.len() <= SHORT {
            assert!(gather(&mut whole, &piece, most));
        }
        let place = whole.as_ptr();
        while gather(&mut whole, &piece, most) {}
        assert_eq!(whole.as_ptr(), place);
        assert!(whole.len() > most - piece.len() && whole.capacity() == most);
    }
}
