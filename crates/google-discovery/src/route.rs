//! Which method an HTTP request is.
//!
//! Not a server: it looks at verb, host and path only. Invariant: of several methods whose
//! templates fit, the one with the most literal text wins, so that `users/me/profile` is never
//! taken for `users/{id}/{thing}`.

use percent_encoding::percent_decode_str;

use crate::{
    api::ApiSummary,
    catalogue::catalogue,
    method::{HttpMethod, Method},
};

type PathParameters = Vec<(String, String)>;

impl Method {
    /// The path parameters, decoded, if a request with this verb and path is this method.
    ///
    /// The path is below the host, as in a request line and without query: it includes the API's
    /// service path. Upload paths count.
    pub fn matches(&self, http_method: HttpMethod, path: &str) -> Option<PathParameters> {
        readings(path)
            .iter()
            .find_map(|segments| self.fits(http_method, segments))
            .map(|(_, parameters)| parameters)
    }

    /// The number of literal bytes matched and the parameters.
    fn fits(
        &self,
        http_method: HttpMethod,
        segments: &[String],
    ) -> Option<(usize, PathParameters)> {
        if self.http_method != http_method {
            return None;
        }
        let service = self.api().service_path.split_terminator('/');
        let plain: Vec<&str> = service.chain(self.path.split('/')).collect();
        self.fits_template(&plain, segments).or_else(|| {
            let upload = self.upload.as_ref()?;
            [Some(upload.simple_path), upload.resumable_path]
                .into_iter()
                .flatten()
                .find_map(|path| {
                    let template: Vec<&str> = path.trim_start_matches('/').split('/').collect();
                    self.fits_template(&template, segments)
                })
        })
    }

    fn fits_template(
        &self,
        template: &[&str],
        segments: &[String],
    ) -> Option<(usize, PathParameters)> {
        let mut rest = segments;
        let mut literal = 0;
        let mut parameters = Vec::new();
        for (position, part) in template.iter().enumerate() {
            // Templates hold one variable of several segments at most, which takes what the
            // single ones leave over.
            let part = Part::of(part);
            let takes = match part.variable {
                Some((_, true)) => (rest.len() + position + 1).checked_sub(template.len())?,
                _ => 1,
            };
            if takes == 0 || takes > rest.len() {
                return None;
            }
            let (own, others) = rest.split_at(takes);
            rest = others;
            let text = own.join("/");
            let value = text.strip_prefix(part.before)?.strip_suffix(part.after)?;
            literal += part.before.len() + part.after.len();
            match part.variable {
                Some((name, several)) => {
                    let known = self.parameters.get(name);
                    let fits = match known.and_then(|one| one.segments).filter(|_| several) {
                        Some(expected) => segments_fit(expected, value),
                        None => true,
                    };
                    if value.is_empty() || !fits {
                        return None;
                    }
                    parameters.push((name.to_owned(), value.to_owned()));
                }
                None if value.is_empty() => {}
                None => return None,
            }
        }
        rest.is_empty().then_some((literal, parameters))
    }
}

pub(crate) fn route(
    http_method: HttpMethod,
    host_or_api: &str,
    path: &str,
) -> Option<(&'static Method, PathParameters)> {
    let readings = readings(path);
    let by_name = catalogue().apis().any(|api| api.name == host_or_api);
    let concerned = |api: &ApiSummary| {
        if by_name {
            api.name == host_or_api
        } else {
            api.host() == host_or_api && below_service_path(api, path)
        }
    };
    readings.iter().find_map(|segments| {
        catalogue()
            .apis()
            .filter(|api| concerned(api))
            .filter_map(|api| catalogue().api(api.name))
            .flat_map(|api| api.methods.values())
            .filter_map(|method| {
                let (literal, parameters) = method.fits(http_method, segments)?;
                Some((literal, method, parameters))
            })
            // The first of equals, so that the answer does not depend on how many follow.
            .reduce(|best, next| if next.0 > best.0 { next } else { best })
            .map(|(_, method, parameters)| (method, parameters))
    })
}

/// Whether a path of several segments has the shape of `expected`, such as `spaces/*/messages/**`.
pub(crate) fn segments_fit(expected: &str, value: &str) -> bool {
    let mut segments = value.split('/');
    for part in expected.split('/') {
        if part == "**" {
            return true;
        }
        match segments.next() {
            Some(segment) if part == segment || (part == "*" && !segment.is_empty()) => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

/// One segment of a template: `{name}:verb`.
struct Part<'a> {
    before: &'a str,
    /// The variable's name and whether it takes several segments.
    variable: Option<(&'a str, bool)>,
    after: &'a str,
}

impl<'a> Part<'a> {
    fn of(segment: &'a str) -> Self {
        let opened = segment.split_once('{');
        match opened.and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
            Some((before, (name, after))) => {
                let variable = match name.strip_prefix('+') {
                    Some(name) => (name, true),
                    None => (name, false),
                };
                Self {
                    before,
                    variable: Some(variable),
                    after,
                }
            }
            None => Self {
                before: segment,
                variable: None,
                after: "",
            },
        }
    }
}

/// The path as segments, decoded: first with escaped slashes inside segments, then, for clients
/// that escape the slashes of `{+name}` too, with them as separators.
fn readings(path: &str) -> Vec<Vec<String>> {
    let path = path
        .split(['?', '#'])
        .next()
        .unwrap_or(path)
        .trim_start_matches('/');
    let plain: Vec<String> = path.split('/').map(decoded).collect();
    let mut readings = vec![plain];
    if path.contains("%2F") || path.contains("%2f") {
        readings.push(decoded(path).split('/').map(str::to_owned).collect());
    }
    readings
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn below_service_path(api: &ApiSummary, path: &str) -> bool {
    let path = path.trim_start_matches('/');
    let path = path.strip_prefix("resumable/").unwrap_or(path);
    path.strip_prefix("upload/")
        .unwrap_or(path)
        .starts_with(api.service_path)
}
