//! Checks the parameters of a request.
//!
//! Not the body. Invariant: a value that passes can be put into a path or query without changing
//! which method is called: no empty segments, no dot segments, no control characters.

use super::{mask, text, words};
use crate::{
    invalid::Problems,
    method::{Location, Method, Parameter},
    parameter::{self, GLOBAL_PARAMETERS},
    route::segments_fit,
    schema::Type,
};

pub(super) fn check(method: &Method, given: &[(&str, &str)], problems: &mut Problems) {
    for (position, (name, value)) in given.iter().enumerate() {
        let place = || format!("parameters.{}", words::short(name));
        let Some(parameter) = method.parameter(name) else {
            problems.add(place, unknown(method, name));
            continue;
        };
        if !parameter.repeated && given.iter().take(position).any(|(other, _)| other == name) {
            problems.add(place, "may be given only once");
        }
        if let Err(message) = value_of(parameter, value) {
            problems.add(place, message);
        }
        match *name {
            "fields" if parameter::global(name).is_some() => mask::check(method, value, problems),
            "alt" if *value == "media" && !method.supports_download => {
                problems.add(place, "this method has no content to download; use json");
            }
            "uploadType" | "upload_protocol" if method.upload.is_none() => {
                problems.add(place, "this method takes no content; leave it out");
            }
            _ => {}
        }
    }
    for parameter in method.parameters.values().filter(|one| one.required) {
        if !given.iter().any(|(name, _)| *name == parameter.name) {
            let place = || format!("parameters.{}", parameter.name);
            problems.add(place, missing(parameter));
        }
    }
}

fn unknown(method: &Method, name: &str) -> String {
    let own = method.parameters.keys().copied();
    let guess = words::closest(name, own.clone())
        .or_else(|| words::closest(name, GLOBAL_PARAMETERS.keys().copied()));
    let known: Vec<&str> = own.collect();
    let listed = match known.as_slice() {
        [] => "this method has no parameters of its own".to_owned(),
        some => format!("known are {}", words::list(some)),
    };
    match guess {
        Some(guess) => format!("is unknown; did you mean `{guess}`? {listed}"),
        None => format!("is unknown; {listed}, and fields for a partial answer"),
    }
}

fn missing(parameter: &Parameter) -> String {
    let holds = parameter.ty.words();
    match (parameter.default, parameter.segments) {
        (Some(default), _) => format!("is required: {holds}, usually `{default}`"),
        (None, Some(segments)) => format!("is required: {holds} like {segments}"),
        (None, None) => format!("is required: {holds}"),
    }
}

fn value_of(parameter: &Parameter, value: &str) -> Result<(), String> {
    if parameter.location == Location::Path {
        path_value(parameter, value)?;
    }
    match &parameter.ty {
        Type::Boolean if !matches!(value, "true" | "false") => {
            Err("must be true or false, in lower case".to_owned())
        }
        Type::Enum(allowed) if !allowed.contains(&value) => Err(words::not_one_of(value, allowed)),
        Type::Integer(format) => {
            text::integer(value, *format)?;
            within(parameter, value)
        }
        Type::Number(_) if value.parse::<f64>().is_err() => Err("must be a number".to_owned()),
        Type::String(format) => text::check(value, *format, text::Offset::Demanded),
        _ => Ok(()),
    }
}

fn path_value(parameter: &Parameter, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err(missing(parameter));
    }
    if value.chars().any(char::is_control) {
        return Err("must not hold control characters".to_owned());
    }
    let shape_fits = parameter
        .segments
        .is_none_or(|expected| segments_fit(expected, value));
    if !shape_fits {
        return Err(format!(
            "must look like {}",
            parameter.segments.unwrap_or("*")
        ));
    }
    // Web clients resolve such segments even when they are escaped, which would turn the request
    // into another one.
    if value
        .split('/')
        .any(|segment| matches!(segment, "." | ".."))
    {
        return Err("must not hold the segments . and ..".to_owned());
    }
    Ok(())
}

fn within(parameter: &Parameter, value: &str) -> Result<(), String> {
    let number: i128 = value
        .parse()
        .map_err(|_| "must be a whole number".to_owned())?;
    let bound = |text: Option<&str>| text.and_then(|text| text.parse::<i128>().ok());
    let low = bound(parameter.minimum).is_some_and(|least| number < least);
    let high = bound(parameter.maximum).is_some_and(|most| number > most);
    if !low && !high {
        return Ok(());
    }
    // Some documents state only one end.
    Err(match (parameter.minimum, parameter.maximum) {
        (Some(least), Some(most)) => format!("must be from {least} to {most}"),
        (Some(least), None) => format!("must be {least} or more"),
        (None, most) => format!("must be {} or less", most.unwrap_or("less")),
    })
}
