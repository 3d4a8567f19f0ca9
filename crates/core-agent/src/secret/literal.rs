//! Whether a text written out in a configuration looks like a secret.
//!
//! A guess, from its name and its beginning; not a proof that the rest are none.
//! Invariant: a reference never looks like a secret.

use crate::config::Template;

/// Beginnings that well-known services give their tokens.
const BEGINNINGS: &[&str] = &[
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "sk-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "pk_live_",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xoxs-",
    "xapp-",
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    "ntn_",
    "secret_",
    "hf_",
    "npm_",
    "pypi-",
    "dop_v1_",
    "SG.",
    "lin_api_",
    "figd_",
    "tvly-",
    "PMAK-",
    "ATATT",
    "shpat_",
    "GOCSPX-",
    "-----BEGIN",
];
/// Words of a name whose value is a secret.
const WORDS: &[&str] = &[
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PASS",
    "PWD",
    "CREDENTIAL",
    "CREDENTIALS",
    "AUTHORIZATION",
    "COOKIE",
    "APIKEY",
    "PAT",
];

/// Whether a value of this name looks like a secret written out.
pub fn looks_secret(name: &str, value: &Template) -> bool {
    let Some(value) = value.literal() else {
        return written_beside_a_reference(value);
    };
    let value = value.trim();
    let bare = ["Bearer ", "Basic ", "bearer ", "token ", "Token "]
        .iter()
        .find_map(|scheme| value.strip_prefix(scheme));
    let known = |text: &str| {
        BEGINNINGS.iter().any(|beginning| {
            text.strip_prefix(beginning)
                .is_some_and(|rest| rest.len() >= 8)
        })
    };
    known(bare.unwrap_or(value))
        || bare.is_some_and(|text| text.len() >= 6)
        || is_token_of_three_parts(value)
        || carries_password(value)
        || (names_secret(name) && may_be_secret(value))
}

/// Which arguments look like secrets written out: `--api-key=…`, `--token …`, or by themselves.
pub fn secret_arguments(args: &[Template]) -> Vec<usize> {
    let mut found = Vec::new();
    for (at, arg) in args.iter().enumerate() {
        let name_before = at
            .checked_sub(1)
            .and_then(|before| args.get(before))
            .filter(|before| before.0.starts_with('-') && !before.0.contains('='))
            .map_or("", |before| before.0.as_str());
        let secret = match arg.0.split_once('=') {
            Some((name, value)) => looks_secret(name, &Template(value.to_owned())),
            None => !arg.0.starts_with("--") && looks_secret(name_before, arg),
        };
        if secret {
            found.push(at);
        }
    }
    found
}

/// The arguments as they are written, with something else `instead` of each secret among them.
pub fn without_secrets(args: &[Template], instead: impl Fn(&str) -> String) -> Vec<String> {
    let mut words: Vec<String> = args.iter().map(|arg| arg.0.clone()).collect();
    for at in secret_arguments(args) {
        if let Some(word) = words.get_mut(at) {
            *word = match word.split_once('=') {
                Some((name, value)) => format!("{name}={}", instead(value)),
                None => instead(word),
            };
        }
    }
    words
}

fn names_secret(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let words: Vec<&str> = upper
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let ends_as_key = words.last() == Some(&"KEY") && !words.contains(&"PUBLIC");
    ends_as_key
        || words.iter().any(|word| WORDS.contains(word))
        || upper.replace(['-', '_'], "").contains("APIKEY")
        // `accessToken`, `clientSecret`.
        || ["TOKEN", "SECRET", "PASSWORD"].iter().any(|word| upper.ends_with(word))
}

fn may_be_secret(value: &str) -> bool {
    let number = value.chars().all(|c| c.is_ascii_digit()) && value.len() < 12;
    let word = matches!(
        value.to_ascii_lowercase().as_str(),
        "true" | "false" | "none" | "null"
    );
    let path = value.starts_with(['/', '.', '~']) || value.get(1..3) == Some(":\\");
    let address = value.contains("://");
    value.len() >= 4 && !number && !word && !path && !address
}

/// `eyJ….eyJ….sig`, a JSON web token.
fn is_token_of_three_parts(value: &str) -> bool {
    value.starts_with("eyJ") && value.len() > 32 && value.split('.').count() == 3
}

/// A password in an address, or a key among its parameters.
fn carries_password(value: &str) -> bool {
    let Ok(url) = url::Url::parse(value) else {
        return false;
    };
    url.password().is_some_and(|password| !password.is_empty())
        || (url.has_host()
            && url
                .query_pairs()
                .any(|(name, value)| names_secret(&name) && may_be_secret(&value)))
}

/// A secret that somebody wrote next to a reference.
fn written_beside_a_reference(template: &Template) -> bool {
    template.parts().unwrap_or_default().iter().any(|part| {
        matches!(part, super::Part::Text(text) if text.split([' ', ':', ',']).any(|word| {
            BEGINNINGS.iter().any(|beginning| word.strip_prefix(beginning).is_some_and(|rest| rest.len() >= 16))
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_the_rest() {
        let secret = |name: &str, value: &str| looks_secret(name, &Template(value.to_owned()));
        for (name, value) in [
            ("GITHUB_TOKEN", "abcdef"),
            ("API_KEY", "12345678-1234"),
            ("apiKey", "abcdef"),
            ("Authorization", "Bearer abcdefgh"),
            ("X", "ghp_0123456789abcdef"),
            ("X", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"),
            ("DATABASE", "postgres://user:hunter2@host/db"),
            ("URL", "https://example.com/mcp?api_key=abcdefgh"),
            ("clientSecret", "abcd"),
            ("X", "${env:A} ghp_0123456789abcdef0123"),
        ] {
            assert!(secret(name, value), "{name}={value}");
        }
        for (name, value) in [
            ("GITHUB_TOKEN", "${env:GITHUB_TOKEN}"),
            ("GITHUB_TOKEN", ""),
            ("TOKEN_LIMIT", "4096"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/home/a/key.json"),
            ("PUBLIC_KEY", "abcdef"),
            ("PATH", "/bin:/usr/bin"),
            ("MODE", "production"),
            ("URL", "https://example.com/mcp?team=abcdefgh"),
            ("PASSWORD", "true"),
        ] {
            assert!(!secret(name, value), "{name}={value}");
        }
    }

    #[test]
    fn arguments_are_looked_at_with_their_names() {
        let args = [
            "--api-key=abcdefgh",
            "--token",
            "abcdefgh",
            "--token",
            "${env:A}",
            "--port",
            "8000",
            "sk-0123456789",
        ];
        let args = args.map(|arg| Template(arg.to_owned()));
        assert_eq!(secret_arguments(&args), [0, 2, 7]);
        assert_eq!(
            without_secrets(&args, |_| "…".to_owned()),
            [
                "--api-key=…",
                "--token",
                "…",
                "--token",
                "${env:A}",
                "--port",
                "8000",
                "…"
            ]
        );
    }
}
