//! File names that came from outside, made fit to be shown and stored.
//!
//! Not a path: whatever comes out names one file in one directory on every system. Invariant: no
//! separator, no control or invisible character, no reserved name, at most [`LONGEST`] bytes.

use crate::text::is_invisible;

/// More than any file system needs, less than any refuses.
const LONGEST: usize = 200;

/// Names Windows keeps for devices, whatever the extension.
const RESERVED: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$"];

/// A harmless name that looks like `name`; `file` when nothing is left of it.
pub(crate) fn safe(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = base
        .chars()
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .map(|c| match c {
            '<' | '>' | ':' | '"' | '|' | '?' | '*' => '_',
            c if c.is_whitespace() => ' ',
            c => c,
        })
        .collect();
    let kept = kept.trim_matches([' ', '.']);
    if kept.is_empty() {
        return "file".to_owned();
    }
    let stem = kept.split('.').next().unwrap_or_default().trim_end();
    let kept = if is_reserved(stem) {
        format!("_{kept}")
    } else {
        kept.to_owned()
    };
    shortened(&kept)
}

fn is_reserved(stem: &str) -> bool {
    let stem = stem.to_lowercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix)
            .is_some_and(|rest| rest.chars().count() == 1 && "0123456789¹²³".contains(rest))
    };
    RESERVED.contains(&stem.as_str()) || numbered("com") || numbered("lpt")
}

/// Cuts the middle out, so that the extension stays.
fn shortened(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let extension = name
        .rsplit_once('.')
        .map(|(_, extension)| extension)
        .filter(|extension| extension.len() <= 16)
        .map_or_else(String::new, |extension| format!(".{extension}"));
    let mut short = String::with_capacity(LONGEST);
    for c in name.chars() {
        if short.len() + c.len_utf8() + extension.len() > LONGEST {
            break;
        }
        short.push(c);
    }
    format!("{}{extension}", short.trim_end_matches([' ', '.']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_names_become_plain_ones() {
        for (hostile, plain) in [
            ("../../x", "x"),
            ("..\\..\\boot.ini", "boot.ini"),
            ("CON", "_CON"),
            ("com1.txt", "_com1.txt"),
            ("a\r\nX: y", "aX_ y"),
            ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
            ("..", "file"),
            ("", "file"),
            ("a\0b", "ab"),
            ("report.pdf. ", "report.pdf"),
            ("\"><script>", "___script_"),
            ("Žluťoučký kůň 🐎.pdf", "Žluťoučký kůň 🐎.pdf"),
        ] {
            assert_eq!(safe(hostile), plain, "{hostile:?}");
        }
        let long = safe(&format!("{}.pdf", "😀".repeat(300)));
        assert!(long.len() <= LONGEST && long.ends_with("😀.pdf"), "{long}");
    }

    proptest! {
        #[test]
        fn any_name_stays_one_file(name in any::<String>()) {
            let safe = safe(&name);
            prop_assert!(!safe.is_empty() && safe.len() <= LONGEST);
            prop_assert!(safe != "." && safe != "..");
            prop_assert!(!safe.contains(['/', '\\']));
            prop_assert!(!safe.chars().any(char::is_control));
        }
    }
}
