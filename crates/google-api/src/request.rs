//! From a method, parameters and a body to one HTTP request.
//!
//! Sends nothing. Invariant: whatever the arguments are, the URL keeps the host of the API and the
//! fixed parts of the method's path; a value can fill its place in the template and nothing else.

use std::borrow::Cow;

use bytes::Bytes;
use foundation::Kind;
use google_discovery::{Location, Method, Type};
use http::{HeaderMap, HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::ApiError;

/// The parameters of a call, as text.
pub(crate) type Parameters = Vec<(Cow<'static, str>, String)>;

/// Everything but letters, digits and `-._~` (RFC 3986, unreserved).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Parameters that say who is asking; a caller could borrow another identity with them.
const OURS: [&str; 6] = [
    "access_token",
    "callback",
    "key",
    "oauth_token",
    "quotaUser",
    "userIp",
];

/// One HTTP request before it has a token.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) verb: http::Method,
    /// Where to, as Google publishes it.
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Which of a method's URLs is meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Door {
    /// JSON in, JSON out.
    Json,
    /// Content out.
    Media,
    /// Content in, with its `uploadType`.
    Upload(&'static str),
}

/// Makes parameters and body fit what Google expects, and checks them.
pub(crate) fn check(
    method: &'static Method,
    parameters: &mut Parameters,
    body: Option<&mut Value>,
) -> Result<(), ApiError> {
    for (name, value) in parameters.iter_mut() {
        if OURS.contains(&name.as_ref()) && !method.parameters.contains_key(name.as_ref()) {
            return Err(refused(
                method,
                name,
                "is set by this server and by nobody else",
            ));
        }
        let boolean = method
            .parameter(name)
            .is_some_and(|known| matches!(known.ty, Type::Boolean));
        if boolean && (value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")) {
            value.make_ascii_lowercase();
        }
    }
    let body = body.map(|body| {
        method.quote_integers(body);
        &*body
    });
    method.validate(parameters, body).map_err(|invalid| {
        ApiError::new(Kind::Input, method.id, invalid.to_string())
            .hint("correct what is named; nothing was sent")
    })
}

/// Builds the request. `parameters` were checked.
pub(crate) fn build(
    method: &'static Method,
    door: Door,
    parameters: &Parameters,
    body: Option<&Value>,
) -> Result<Wire, ApiError> {
    let verb = method.http_method.as_str();
    let verb = http::Method::from_bytes(verb.as_bytes()).expect("a verb of HTTP");
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let body = match body {
        Some(json) => {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json; charset=UTF-8"),
            );
            Bytes::from(json.to_string())
        }
        None => Bytes::new(),
    };
    Ok(Wire {
        verb,
        url: url(method, door, parameters)?,
        headers,
        body,
    })
}

fn url(method: &'static Method, door: Door, parameters: &Parameters) -> Result<String, ApiError> {
    let api = method.api();
    let path = match (door, &method.upload) {
        (Door::Upload(_), Some(upload)) => upload.simple_path.trim_start_matches('/').to_owned(),
        _ => format!("{}{}", api.service_path, method.path),
    };
    let mut url = api.root_url.to_owned();
    fill(&mut url, method, &path, parameters)?;
    let alt = if door == Door::Media { "media" } else { "json" };
    url.push_str("?alt=");
    url.push_str(alt);
    if let Door::Upload(kind) = door {
        url.push_str("&uploadType=");
        url.push_str(kind);
    }
    for (name, value) in parameters {
        let in_path = method
            .parameters
            .get(name.as_ref())
            .is_some_and(|known| known.location == Location::Path);
        if in_path || matches!(name.as_ref(), "alt" | "uploadType") {
            continue;
        }
        url.push('&');
        url.extend(utf8_percent_encode(name, RESERVED));
        url.push('=');
        url.extend(utf8_percent_encode(value, RESERVED));
    }
    Ok(url)
}

/// Appends the template with its places filled: `{name}` with one segment, `{+name}` with several.
fn fill(
    url: &mut String,
    method: &'static Method,
    template: &str,
    parameters: &Parameters,
) -> Result<(), ApiError> {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        url.push_str(before);
        let (place, behind) = after.split_once('}').unwrap_or((after, ""));
        let (name, several) = match place.strip_prefix('+') {
            Some(name) => (name, true),
            None => (place, false),
        };
        let value = parameters
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .ok_or_else(|| refused(method, name, "is missing"))?;
        let segments: Vec<&str> = if several {
            value.split('/').collect()
        } else {
            vec![value]
        };
        for (position, segment) in segments.iter().enumerate() {
            // No encoding saves a dot segment: every URL parser resolves `%2e%2e` too. An empty
            // one would turn one method's path into another's (`files/` lists).
            if matches!(*segment, "" | "." | "..") {
                return Err(refused(method, name, "may not be empty, \".\" or \"..\""));
            }
            if position > 0 {
                url.push('/');
            }
            url.extend(utf8_percent_encode(segment, RESERVED));
        }
        rest = behind;
    }
    url.push_str(rest);
    Ok(())
}

fn refused(method: &'static Method, name: &str, problem: &str) -> ApiError {
    ApiError::new(
        Kind::Input,
        method.id,
        format!("the parameter {name} {problem}"),
    )
    .hint("leave it out, or give an id exactly as Google gave it; nothing was sent")
}

#[cfg(test)]
mod tests {
    use google_discovery::catalogue;
    use proptest::prelude::*;
    use serde_json::json;
    use url::Url;

    use super::*;

    fn built(id: &str, parameters: &[(&'static str, &str)]) -> Result<String, ApiError> {
        let parameters: Parameters = parameters
            .iter()
            .map(|(name, value)| (Cow::Borrowed(*name), (*value).to_owned()))
            .collect();
        url(catalogue().method(id).unwrap(), Door::Json, &parameters)
    }

    #[test]
    fn places_are_filled_and_queries_repeated() {
        assert_eq!(
            built(
                "gmail.users.messages.list",
                &[
                    ("userId", "me"),
                    ("labelIds", "INBOX"),
                    ("labelIds", "A B"),
                    ("q", "a&b=ü")
                ]
            )
            .unwrap(),
            "https://gmail.googleapis.com/gmail/v1/users/me/messages?alt=json&labelIds=INBOX&labelIds=A%20B&q=a%26b%3D%C3%BC"
        );
        assert_eq!(
            built(
                "calendar.events.get",
                &[("calendarId", "en.usa#h@g/../x"), ("eventId", "1")]
            )
            .unwrap(),
            "https://www.googleapis.com/calendar/v3/calendars/en.usa%23h%40g%2F..%2Fx/events/1?alt=json"
        );
        assert!(
            built(
                "chat.spaces.messages.get",
                &[("name", "spaces/AAA/messages/B.C")]
            )
            .unwrap()
            .contains("/v1/spaces/AAA/messages/B.C?")
        );
    }

    #[test]
    fn long_numbers_become_text_booleans_lower_case_and_nulls_stay() {
        let insert = catalogue().method("gmail.users.messages.insert").unwrap();
        let mut parameters: Parameters = vec![
            ("userId".into(), "me".into()),
            ("deleted".into(), "True".into()),
        ];
        let mut body = json!({"raw": "eA", "internalDate": 1_764_000_000_000_u64});
        check(insert, &mut parameters, Some(&mut body)).unwrap();
        assert_eq!(body["internalDate"], "1764000000000");
        assert_eq!(parameters[1].1, "true");

        let update = catalogue()
            .method("sheets.spreadsheets.values.update")
            .unwrap();
        let mut parameters: Parameters = vec![
            ("spreadsheetId".into(), "1".into()),
            ("range".into(), "'A b'!A1".into()),
        ];
        let mut cells = json!({"values": [[1, null, "x"], [null]]});
        check(update, &mut parameters, Some(&mut cells)).unwrap();
        let wire = build(update, Door::Json, &parameters, Some(&cells)).unwrap();
        assert_eq!(wire.body, r#"{"values":[[1,null,"x"],[null]]}"#);
    }

    #[test]
    fn nothing_climbs_out_of_its_place() {
        for value in [
            "..",
            ".",
            "",
            "../..",
            "spaces/../../x",
            "spaces//x",
            "/spaces/x",
        ] {
            let answer = built("chat.spaces.messages.get", &[("name", value)]);
            assert_eq!(answer.unwrap_err().kind, Kind::Input, "{value}");
        }
        assert!(built("drive.files.get", &[("fileId", "..")]).is_err());
        assert!(built("drive.files.get", &[]).is_err());
        // A colon in a resource name cannot turn one custom verb into another.
        assert!(
            built(
                "people.people.get",
                &[("resourceName", "people/c1:deleteContact")]
            )
            .unwrap()
            .contains("people/c1%3AdeleteContact?")
        );
    }

    fn prefix(method: &Method, door: Door) -> String {
        let api = method.api();
        let path = match (&method.upload, door) {
            (Some(upload), Door::Upload(_)) => {
                upload.simple_path.trim_start_matches('/').to_owned()
            }
            _ => format!("{}{}", api.service_path, method.path),
        };
        format!(
            "{}{}",
            api.root_url,
            path.split('{').next().unwrap_or_default()
        )
    }

    /// What the path must look like: fixed segments as they are, and as many in all as intended.
    fn keeps_its_shape(
        method: &'static Method,
        door: Door,
        value: &str,
    ) -> Result<(), TestCaseError> {
        let parameters: Parameters = method
            .parameters
            .values()
            .filter(|known| known.location == Location::Path)
            .map(|known| (Cow::Borrowed(known.name), value.to_owned()))
            .chain([("q\u{0}&#?".into(), value.to_owned())])
            .collect();
        let Ok(built) = url(method, door, &parameters) else {
            return Ok(());
        };
        let parsed = Url::parse(&built).expect("a URL");
        let root = Url::parse(method.api().root_url).expect("a URL");
        prop_assert_eq!(parsed.host_str(), root.host_str());
        prop_assert_eq!(parsed.scheme(), "https");
        prop_assert_eq!(parsed.username(), "");
        prop_assert_eq!(parsed.port(), None);
        prop_assert_eq!(parsed.fragment(), None);
        prop_assert!(
            parsed.as_str().starts_with(&prefix(method, door)),
            "{}",
            parsed
        );
        // Nothing was resolved or normalised away: what was built is what is sent.
        prop_assert_eq!(
            parsed.path(),
            built
                .trim_start_matches(root.as_str().trim_end_matches('/'))
                .split('?')
                .next()
                .unwrap_or_default()
        );
        let several = method.path.contains("{+");
        let segments = parsed.path_segments().map_or(0, Iterator::count);
        if !several && door == Door::Json {
            let template = format!("{}{}", method.api().service_path, method.path);
            prop_assert_eq!(segments, template.split('/').count());
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn host_and_path_prefix_stand_for_any_argument(
            value in prop_oneof![
                any::<String>(),
                "[./%\\\\?#@:;&=+ a-f0-9{}]{0,24}",
                "(\\.\\./|%2e%2e/|//|\\\\|@|https://evil\\.example/){1,4}x?",
            ],
            pick in any::<prop::sample::Index>(),
        ) {
            let methods: Vec<&'static Method> = ["gmail", "drive", "calendar", "chat", "people", "sheets", "script"]
                .iter()
                .filter_map(|name| catalogue().api(name))
                .flat_map(|api| api.methods.values())
                .collect();
            let method = methods[pick.index(methods.len())];
            keeps_its_shape(method, Door::Json, &value)?;
            if method.upload.is_some() {
                keeps_its_shape(method, Door::Upload("media"), &value)?;
            }
        }
    }
}
