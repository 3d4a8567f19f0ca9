//! Checks a partial-response mask: `a,b/c,d(e,f/*)`.
//!
//! Not the masks of updates, which name request fields. Invariant: one pass over the text with a
//! list of open brackets on the heap.

use super::words;
use crate::{
    api::Api,
    invalid::Problems,
    method::Method,
    schema::{Schema, Type},
};

/// What the names after this point are names of.
#[derive(Clone, Copy)]
enum Place {
    Schema(&'static Schema),
    /// Free names with values of one type.
    Map(&'static Type),
    /// Anything goes.
    Free,
    /// A plain value; nothing is inside.
    Leaf,
}

/// No request line could carry more.
const LONGEST: usize = 8192;

pub(super) fn check(method: &Method, mask: &str, problems: &mut Problems) {
    if mask.len() > LONGEST {
        add(problems, "", &format!("is longer than {LONGEST} bytes"));
        return;
    }
    let Some(schema) = method.response_schema() else {
        add(
            problems,
            "",
            "this method's answer has no fields; leave the mask out",
        );
        return;
    };
    let mut reader = Reader {
        api: method.api(),
        problems,
        open: Vec::new(),
        base: Place::Schema(schema),
        place: Place::Schema(schema),
        name: String::new(),
        path: String::new(),
        expects_name: true,
    };
    for character in mask.chars() {
        reader.read(character);
    }
    reader.finish();
}

struct Reader<'a> {
    api: &'static Api,
    problems: &'a mut Problems,
    /// The bases outside the open brackets.
    open: Vec<(Place, String)>,
    /// Where a selector starts.
    base: Place,
    /// Where the current selector has come to.
    place: Place,
    name: String,
    /// The names that led to `place`, for messages.
    path: String,
    expects_name: bool,
}

impl Reader<'_> {
    fn read(&mut self, character: char) {
        match character {
            ',' => {
                self.step();
                self.restart();
            }
            // Newer APIs take a dot as well.
            '/' | '.' => {
                self.step();
                self.expects_name = true;
            }
            '(' => {
                self.step();
                if let Place::Leaf = self.place {
                    self.complain("holds a plain value; nothing inside can be chosen");
                    self.place = Place::Free;
                }
                let inner_path = self.path.clone();
                self.open.push((self.base, inner_path));
                self.base = self.place;
                self.restart();
            }
            ')' => {
                self.step();
                match self.open.pop() {
                    Some((base, _)) => {
                        self.base = base;
                        self.place = Place::Free;
                        self.expects_name = false;
                        self.path = self.base_path();
                    }
                    None => self.complain("closes a bracket that was not opened"),
                }
            }
            ' ' => {}
            other => self.name.push(other),
        }
    }

    fn finish(&mut self) {
        self.step();
        if !self.open.is_empty() {
            let message = format!("{} brackets are not closed", self.open.len());
            self.complain(&message);
        }
    }

    fn restart(&mut self) {
        self.place = self.base;
        self.path = self.base_path();
        self.expects_name = true;
    }

    fn base_path(&self) -> String {
        self.open
            .last()
            .map(|(_, path)| path.clone())
            .unwrap_or_default()
    }

    /// Ends the current name and goes where it leads.
    fn step(&mut self) {
        let name = std::mem::take(&mut self.name);
        if name.is_empty() {
            if self.expects_name {
                self.complain("a name is missing; write names with commas between, like a,b(c)");
            }
            self.expects_name = false;
            return;
        }
        if !self.expects_name {
            self.complain("needs a comma after the closing bracket");
        }
        self.expects_name = false;
        let next = match self.place {
            Place::Free => Place::Free,
            Place::Map(of) => self.place_of(of),
            Place::Leaf => {
                self.complain("holds a plain value; nothing inside can be chosen");
                Place::Free
            }
            Place::Schema(_) if name == "*" => Place::Free,
            Place::Schema(schema) => {
                let field = schema.fields.get(name.as_str()).map(|field| &field.ty);
                if let Some(ty) = field.or(schema.values.as_ref()) {
                    self.place_of(ty)
                } else {
                    let known: Vec<&str> = schema.fields.keys().copied().collect();
                    let path = joined(&self.path, &name);
                    add(self.problems, &path, &words::unknown_field(&name, &known));
                    Place::Free
                }
            }
        };
        self.path = joined(&self.path, &name);
        self.place = next;
    }

    fn place_of(&self, ty: &'static Type) -> Place {
        match ty {
            Type::Any => Place::Free,
            Type::List(of) => self.place_of(of),
            Type::Map(of) => Place::Map(of),
            Type::Schema(name) => self.api.schema(name).map_or(Place::Free, Place::Schema),
            _ => Place::Leaf,
        }
    }

    fn complain(&mut self, message: &str) {
        let path = self.path.clone();
        add(self.problems, &path, message);
    }
}

fn joined(path: &str, name: &str) -> String {
    // Long masks are wrong anyway; their paths stay short.
    let name = words::short(name);
    if path.is_empty() || path.len() > 400 {
        name
    } else {
        format!("{path}/{name}")
    }
}

fn add(problems: &mut Problems, path: &str, message: &str) {
    let place = words::short(path);
    let place = if place.is_empty() {
        "fields".to_owned()
    } else {
        format!("fields.{place}")
    };
    problems.add(|| place, message);
}
