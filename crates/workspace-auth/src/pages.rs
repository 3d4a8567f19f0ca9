//! What people see in the browser at the end of a sign-in.
//!
//! Pure functions from words to HTML; they decide nothing. Invariant: every inserted value is
//! escaped, no page loads anything from anywhere, and none contains state, code or token.

/// The headers every page is served with. The styles and the one script are named by digest.
pub const HEADERS: &[(&str, &str)] = &[
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
];

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
    style-src 'sha256-QyNlwtEtmgs0puDhCZEzKm7I3Ao4+4yds+AJ9Ba/a/U='; \
    script-src 'sha256-3ctK5C4wFWFDnlRZMoPCAm/4fe/ZQzUWQyXoZ9E9iGE='; \
    frame-ancestors 'none'; form-action 'none'; base-uri 'none'";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;background:#f5f6f8;color:#1c2330;\
margin:0;display:grid;place-items:center;min-height:100vh}main{background:#fff;max-width:30rem;\
margin:1rem;padding:2rem 2.5rem;border-radius:12px;box-shadow:0 2px 16px #0002}h1{font-size:1.35rem;\
margin:0 0 .75rem}p{margin:.5rem 0}.who{font-weight:600}.note{background:#fff6db;border-radius:8px;\
padding:.6rem .8rem}button{font:inherit;margin-top:1rem;padding:.5rem 1.2rem;border:0;\
border-radius:8px;background:#1a56c4;color:#fff;cursor:pointer}@media(prefers-color-scheme:dark)\
{body{background:#12161d;color:#e6e9ef}main{background:#1c2330}.note{background:#4a3d10}}";

const SCRIPT: &str = "document.getElementById('close').addEventListener('click',function()\
{window.close()});if(document.body.dataset.autoclose)setTimeout(function(){window.close()},10000);";

/// The account is linked.
pub fn success(email: &str, note: Option<&str>) -> String {
    let note = note.map_or_else(String::new, |note| {
        format!("<p class=\"note\">{}</p>", escaped(note))
    });
    page(
        "Authentication Successful",
        &format!(
            "<p>The Google account <span class=\"who\">{}</span> is linked now.</p>{note}\
             <p>You can close this window and go on where you came from.</p>",
            escaped(email)
        ),
        true,
    )
}

/// Google or the person refused, or the link was no good.
pub fn refused(reason: &str) -> String {
    page("Authentication Error", &paragraphs(reason), false)
}

/// Something failed on our side or between us and Google.
pub fn failed(reason: &str) -> String {
    page(
        "Authentication Processing Error",
        &paragraphs(reason),
        false,
    )
}

/// Text that is safe inside elements and quoted attributes.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\0' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

fn paragraphs(reason: &str) -> String {
    format!(
        "<p>{}</p><p>Nothing was stored. You can close this window and start the sign-in \
         again.</p>",
        escaped(reason)
    )
}

fn page(title: &str, content: &str, closes: bool) -> String {
    let closes = if closes { " data-autoclose=\"1\"" } else { "" };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body{closes}><main>\
         <h1>{title}</h1>{content}<button id=\"close\" type=\"button\">Close this window</button>\
         </main><script>{SCRIPT}</script></body></html>\n"
    )
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use proptest::prelude::*;
    use ring::digest::{SHA256, digest};

    use super::*;

    fn allowed(text: &str) -> bool {
        let digest = STANDARD.encode(digest(&SHA256, text.as_bytes()));
        CONTENT_SECURITY_POLICY.contains(&format!("'sha256-{digest}'"))
    }

    #[test]
    fn the_policy_names_the_digests_of_style_and_script() {
        for text in [STYLE, SCRIPT] {
            let digest = STANDARD.encode(digest(&SHA256, text.as_bytes()));
            assert!(allowed(text), "the policy must name sha256-{digest}");
        }
    }

    #[test]
    fn titles_tell_what_happened() {
        assert!(success("a@example.com", None).contains("<title>Authentication Successful<"));
        assert!(success("a@example.com", None).contains("data-autoclose"));
        assert!(refused("no").contains("<title>Authentication Error<"));
        assert!(failed("no").contains("<title>Authentication Processing Error<"));
        assert!(!failed("no").contains("data-autoclose"));
    }

    proptest! {
        #[test]
        fn inserted_values_stay_text(value in ".{0,60}|(<|>|'|\"|&|script|%3c|\\{\\{)*") {
            let plain = success("", Some("")).matches('<').count();
            let page = success(&value, Some(&value));
            prop_assert_eq!(page.matches('<').count(), plain);
            prop_assert_eq!(page.matches('"').count(), success("", Some("")).matches('"').count());
        }
    }
}
