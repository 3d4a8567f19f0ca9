//! Checks a JSON body against a schema.
//!
//! Not a JSON Schema validator: it knows Google's habits (64-bit numbers as strings, nulls that
//! mean "leave alone", read-only fields that are ignored). Invariant: the work list lies on the
//! heap and places are remembered as links to their parents, so that neither depth nor size of a
//! body costs stack or quadratic time.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use super::{text, words};
use crate::{
    api::Api,
    invalid::Problems,
    method::Method,
    schema::{Format, Schema, Type},
};

/// Google's parsers stop here as well.
const DEEPEST: usize = 100;

/// Whether everything demanded has to be there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Completeness {
    Full,
    /// Only what Google demands of this very method.
    Partial,
    /// Nothing at all, as in answers.
    Free,
}

/// Checks a request body; none counts as an empty object.
pub(super) fn check(
    method: &Method,
    schema: &'static Schema,
    completeness: Completeness,
    body: Option<&Value>,
    problems: &mut Problems,
) {
    let mut walk = Walk {
        method,
        api: method.api(),
        problems,
        places: Vec::new(),
    };
    match body {
        None | Some(Value::Null) => walk.demanded(schema, &Map::new(), completeness, None),
        Some(body) => walk.run(schema, body, completeness, "body"),
    }
}

/// Checks an answer.
pub(super) fn check_answer(
    method: &Method,
    schema: &'static Schema,
    answer: &Value,
    problems: &mut Problems,
) {
    let mut walk = Walk {
        method,
        api: method.api(),
        problems,
        places: Vec::new(),
    };
    walk.run(schema, answer, Completeness::Free, "answer");
}

struct Walk<'a> {
    method: &'a Method,
    api: &'static Api,
    problems: &'a mut Problems,
    places: Vec<Place<'a>>,
}

/// Where a list or an object stands.
struct Place<'a> {
    parent: Option<usize>,
    step: Step<'a>,
    depth: usize,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Name(&'a str),
    Position(usize),
}

/// A list or an object still to be looked into.
struct Open<'a> {
    value: &'a Value,
    ty: Expected,
    completeness: Completeness,
    place: usize,
}

#[derive(Clone, Copy)]
enum Expected {
    Any,
    List(&'static Type),
    Map(&'static Type),
    Schema(&'static Schema),
}

impl<'a> Walk<'a> {
    fn run(
        &mut self,
        schema: &'static Schema,
        body: &'a Value,
        completeness: Completeness,
        root: &'static str,
    ) {
        self.places.push(Place {
            parent: None,
            step: Step::Name(root),
            depth: 0,
        });
        if !body.is_object() {
            self.note(
                Some(0),
                None,
                format!("must be an object ({})", schema.name),
            );
            return;
        }
        let ty = Expected::Schema(schema);
        let mut open = VecDeque::from([Open {
            value: body,
            ty,
            completeness,
            place: 0,
        }]);
        // First in, first out: problems come in the order of reading, outer ones first.
        while let Some(next) = open.pop_front() {
            self.look_into(&next, &mut open);
        }
    }

    fn look_into(&mut self, open: &Open<'a>, queue: &mut VecDeque<Open<'a>>) {
        if self
            .places
            .get(open.place)
            .is_some_and(|place| place.depth > DEEPEST)
        {
            let message = format!("is nested deeper than {DEEPEST} levels");
            self.note(Some(open.place), None, message);
            return;
        }
        match open.value {
            Value::Array(items) => {
                for (position, item) in items.iter().enumerate() {
                    let ty = match open.ty {
                        Expected::List(of) => of,
                        _ => &Type::Any,
                    };
                    self.look_at(item, ty, open, Step::Position(position), queue);
                }
            }
            Value::Object(fields) => self.look_at_fields(fields, open, queue),
            _ => {}
        }
    }

    fn look_at_fields(
        &mut self,
        fields: &'a Map<String, Value>,
        open: &Open<'a>,
        queue: &mut VecDeque<Open<'a>>,
    ) {
        let Expected::Schema(schema) = open.ty else {
            let ty = match open.ty {
                Expected::Map(of) => of,
                _ => &Type::Any,
            };
            for (name, value) in fields {
                self.look_at(value, ty, open, Step::Name(name), queue);
            }
            return;
        };
        for (name, value) in fields {
            let step = Step::Name(name);
            match (schema.fields.get(name.as_str()), &schema.values) {
                // Google ignores it, so what it holds cannot be wrong.
                (Some(field), _) if field.read_only && open.completeness != Completeness::Free => {
                    self.look_at(value, &Type::Any, open, step, queue);
                }
                (Some(field), _) => self.look_at(value, &field.ty, open, step, queue),
                (None, Some(values)) => self.look_at(value, values, open, step, queue),
                (None, None) => {
                    let known: Vec<&str> = schema.fields.keys().copied().collect();
                    self.note(
                        Some(open.place),
                        Some(step),
                        words::unknown_field(name, &known),
                    );
                }
            }
        }
        self.demanded(schema, fields, open.completeness, Some(open.place));
    }

    /// Checks a value in place when it is simple, and queues it when it holds others.
    fn look_at(
        &mut self,
        value: &'a Value,
        ty: &'static Type,
        within: &Open<'a>,
        step: Step<'a>,
        queue: &mut VecDeque<Open<'a>>,
    ) {
        let expected = match (ty, value) {
            (_, Value::Null) => return,
            (Type::Any, Value::Array(_) | Value::Object(_)) => Some(Expected::Any),
            (Type::List(of), Value::Array(_)) => Some(Expected::List(of.as_ref())),
            (Type::Map(of), Value::Object(_)) => Some(Expected::Map(of.as_ref())),
            (Type::Schema(name), Value::Object(_)) => Some(
                self.api
                    .schema(name)
                    .map_or(Expected::Any, Expected::Schema),
            ),
            _ => None,
        };
        let Some(ty) = expected else {
            if let Err(message) = simple(value, ty) {
                self.note(Some(within.place), Some(step), message);
            }
            return;
        };
        let depth = self
            .places
            .get(within.place)
            .map_or(0, |place| place.depth + 1);
        // Beside a mask of what changes, objects may be incomplete.
        let masked = matches!(within.ty, Expected::Schema(schema) if schema.has_mask);
        let completeness = match within.completeness {
            Completeness::Full if masked => Completeness::Partial,
            same => same,
        };
        self.places.push(Place {
            parent: Some(within.place),
            step,
            depth,
        });
        queue.push_back(Open {
            value,
            ty,
            completeness,
            place: self.places.len() - 1,
        });
    }

    fn demanded(
        &mut self,
        schema: &'static Schema,
        fields: &Map<String, Value>,
        completeness: Completeness,
        place: Option<usize>,
    ) {
        let id = self.method.id;
        for name in &schema.demanded {
            let Some(field) = schema.fields.get(name) else {
                continue;
            };
            let demanded = match completeness {
                Completeness::Full => field.required_by(id),
                // An upload brings its content apart from the body, whatever the schema demands.
                Completeness::Partial => {
                    self.method.upload.is_none() && field.required_for.contains(&id)
                }
                Completeness::Free => false,
            };
            if demanded && fields.get(*name).is_none_or(Value::is_null) {
                let message = format!("is required: {}", field.ty.words());
                self.note(place, Some(Step::Name(name)), message);
            }
        }
    }

    fn note(&mut self, place: Option<usize>, last: Option<Step<'_>>, message: String) {
        let places = &self.places;
        self.problems.add(|| path_of(places, place, last), message);
    }
}

fn path_of(places: &[Place<'_>], place: Option<usize>, last: Option<Step<'_>>) -> String {
    let mut steps: Vec<Step<'_>> = last.into_iter().collect();
    let mut next = place;
    while let Some(place) = next.and_then(|position| places.get(position)) {
        steps.push(place.step);
        next = place.parent;
    }
    if place.is_none() {
        steps.push(Step::Name("body"));
    }
    let mut path = String::new();
    for step in steps.iter().rev() {
        match step {
            Step::Name(name) if path.is_empty() => path.push_str(name),
            Step::Name(name) => {
                path.push('.');
                path.push_str(&words::short(name));
            }
            Step::Position(position) => path.push_str(&format!("[{position}]")),
        }
    }
    path
}

fn simple(value: &Value, ty: &Type) -> Result<(), String> {
    match (ty, value) {
        (Type::Any, _) | (Type::Boolean, Value::Bool(_)) | (Type::Number(_), Value::Number(_)) => {
            Ok(())
        }
        (Type::Boolean, Value::String(_)) => Err("must be true or false without quotes".to_owned()),
        (Type::Enum(allowed), Value::String(text)) if allowed.contains(&text.as_str()) => Ok(()),
        (Type::Enum(allowed), Value::String(text)) => Err(words::not_one_of(text, allowed)),
        (Type::Integer(format), Value::Number(number)) => match whole(number) {
            Some(number) => text::in_range(number, *format),
            None => Err("must be a whole number".to_owned()),
        },
        (Type::Integer(format), Value::String(text)) => text::integer(text, *format),
        (Type::Number(_), Value::String(text)) if text.parse::<f64>().is_ok() => Ok(()),
        (Type::String(format), Value::String(text)) => {
            text::check(text, *format, text::Offset::Optional)
        }
        (Type::String(format), Value::Number(number)) if format.is_quoted_integer() => {
            match whole(number) {
                Some(number) => text::in_range(number, *format),
                None => Err("must be a whole number".to_owned()),
            }
        }
        (expected, found) => Err(mismatch(expected, found)),
    }
}

fn mismatch(expected: &Type, found: &Value) -> String {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    match expected {
        Type::List(of) => format!(
            "must be a list of {}, not {found}; put it in [ ]",
            of.words()
        ),
        Type::Map(of) => format!(
            "must be an object with values of {}, not {found}",
            of.words()
        ),
        Type::Schema(name) => format!("must be an object ({name}), not {found}"),
        Type::String(Format::None) => format!("must be a string, not {found}"),
        other => format!("must be {}, not {found}", other.words()),
    }
}

fn whole(number: &serde_json::Number) -> Option<i128> {
    // Numbers such as 3.0 are whole, and models write them.
    number
        .as_i64()
        .map(i128::from)
        .or_else(|| number.as_u64().map(i128::from))
        .or_else(|| number.to_string().strip_suffix(".0")?.parse().ok())
}
