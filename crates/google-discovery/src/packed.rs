//! Unpacks one embedded description.
//!
//! A description is gzip around lines of tab-separated cells; `xtask/src/catalogue.rs` writes
//! them. The first cell says what a line is:
//!
//! ```text
//! A  name version revision root_url service_path batch_path
//! S  scope                                            (numbered from 0; ~x is googleapis auth/x)
//! M  id verb path request response scopes flags       (flags: d download, ! deprecated)
//! U  max_bytes simple_path resumable_path accept      (of the method above)
//! P  name type flags default minimum maximum segments (flags: p path, q query, r required,
//!                                                      * repeated, ! deprecated)
//! T  name values                                      (a schema)
//! F  name type flags default required_for             (flags: o read-only, r required,
//!                                                      ! deprecated)
//! ```
//!
//! A type is `?` any, `b` boolean, `i:f` integer, `n:f` number, `s:f` string, `e:x|y` enum,
//! `[t` list, `{t` map, `@S` schema. Not a general format: it is read by the code that was built
//! together with it. Invariant: cells are slices of one text that is never freed, so that unpacking
//! copies no strings.

use std::{collections::BTreeMap, io::Read, str::Split};

use flate2::read::GzDecoder;

use crate::{
    api::{Api, ApiSummary, SOURCES, Source},
    effect,
    method::{HttpMethod, Location, Method, Parameter, Upload},
    schema::{Field, Format, Schema, Type},
};

const AUTH: &str = "https://www.googleapis.com/auth/";

pub(crate) fn unpack(source: &Source) -> Api {
    let mut text = String::with_capacity(source.packed.len() * 10);
    GzDecoder::new(source.packed)
        .read_to_string(&mut text)
        .expect("embedded descriptions are whole; a test unpacks every one");
    // Each API is unpacked once in the life of the process.
    read(source.name, text.leak())
}

/// Reads the index: `name version revision methods root_url service_path`, a line for each API.
pub(crate) fn index(text: &'static str) -> Vec<ApiSummary> {
    text.lines()
        .map(|line| {
            let mut cells = Cells(line.split('\t'));
            let name = cells.text();
            ApiSummary {
                name,
                version: cells.text(),
                title: SOURCES
                    .iter()
                    .find(|source| source.name == name)
                    .map_or(name, |source| source.title),
                revision: cells.text(),
                methods: cells.text().parse().unwrap_or(0),
                root_url: cells.text(),
                service_path: cells.text(),
            }
        })
        .collect()
}

fn read(name: &'static str, text: &'static str) -> Api {
    let mut api = Api {
        name,
        version: "",
        revision: "",
        root_url: "",
        service_path: "",
        batch_path: "",
        methods: BTreeMap::new(),
        schemas: BTreeMap::new(),
    };
    let mut scopes: Vec<&'static str> = Vec::new();
    let mut methods: Vec<Method> = Vec::new();
    let mut parameters: Vec<Parameter> = Vec::new();
    let mut schemas: Vec<Schema> = Vec::new();
    let mut fields: Vec<Field> = Vec::new();
    for line in text.lines() {
        let mut cells = Cells(line.split('\t'));
        match cells.text() {
            "A" => {
                cells.text();
                api.version = cells.text();
                api.revision = cells.text();
                api.root_url = cells.text();
                api.service_path = cells.text();
                api.batch_path = cells.text();
            }
            "S" => scopes.push(scope(cells.text())),
            "M" => {
                close_method(&mut methods, &mut parameters);
                methods.push(method(name, &mut cells, &scopes));
            }
            "U" => {
                if let Some(method) = methods.last_mut() {
                    method.upload = Some(upload(&mut cells));
                }
            }
            "P" => parameters.push(parameter(&mut cells)),
            "T" => {
                close_schema(&mut schemas, &mut fields);
                schemas.push(Schema {
                    name: cells.text(),
                    fields: BTreeMap::new(),
                    values: cells.some().map(parse_type),
                    demanded: Vec::new(),
                    has_mask: false,
                });
            }
            "F" => fields.push(field(&mut cells)),
            // A line this build does not know adds nothing it could use.
            _ => {}
        }
    }
    close_method(&mut methods, &mut parameters);
    close_schema(&mut schemas, &mut fields);
    api.methods = methods
        .into_iter()
        .map(|method| (method.id, method))
        .collect();
    api.schemas = schemas
        .into_iter()
        .map(|schema| (schema.name, schema))
        .collect();
    api
}

/// The cells of one line; missing ones at the end are empty.
struct Cells(Split<'static, char>);

impl Cells {
    fn text(&mut self) -> &'static str {
        self.0.next().unwrap_or("")
    }

    fn some(&mut self) -> Option<&'static str> {
        Some(self.text()).filter(|text| !text.is_empty())
    }

    fn list(&mut self, separator: char) -> Vec<&'static str> {
        self.some()
            .map(|text| text.split(separator).collect())
            .unwrap_or_default()
    }
}

fn close_method(methods: &mut [Method], parameters: &mut Vec<Parameter>) {
    if let Some(method) = methods.last_mut() {
        method.parameters = parameters.drain(..).map(|one| (one.name, one)).collect();
    }
}

fn close_schema(schemas: &mut [Schema], fields: &mut Vec<Field>) {
    if let Some(schema) = schemas.last_mut() {
        schema.demanded = fields
            .iter()
            .filter(|field| field.required || !field.required_for.is_empty())
            .map(|field| field.name)
            .collect();
        schema.has_mask = fields
            .iter()
            .any(|field| field.ty == Type::String(Format::FieldMask));
        schema.fields = fields.drain(..).map(|one| (one.name, one)).collect();
    }
}

fn scope(cell: &'static str) -> &'static str {
    match cell.strip_prefix('~') {
        Some(short) => [AUTH, short].concat().leak(),
        None => cell,
    }
}

fn method(api_name: &'static str, cells: &mut Cells, scopes: &[&'static str]) -> Method {
    let id = cells.text();
    let http_method = HttpMethod::from_name(cells.text()).unwrap_or(HttpMethod::Post);
    let path = cells.text();
    let request = cells.some();
    let response = cells.some();
    let numbers = cells.list(',');
    let flags = cells.text();
    Method {
        id,
        api_name,
        http_method,
        path,
        parameters: BTreeMap::new(),
        request,
        response,
        scopes: numbers
            .iter()
            .filter_map(|number| scopes.get(number.parse::<usize>().ok()?).copied())
            .collect(),
        upload: None,
        supports_download: flags.contains('d'),
        deprecated: flags.contains('!'),
        access: effect::access(id, http_method),
    }
}

fn upload(cells: &mut Cells) -> Upload {
    Upload {
        max_bytes: cells.text().parse().ok(),
        simple_path: cells.text(),
        resumable_path: cells.some(),
        accept: cells.list(','),
    }
}

fn parameter(cells: &mut Cells) -> Parameter {
    let name = cells.text();
    let ty = parse_type(cells.text());
    let flags = cells.text();
    Parameter {
        name,
        location: if flags.contains('p') {
            Location::Path
        } else {
            Location::Query
        },
        ty,
        required: flags.contains('r'),
        repeated: flags.contains('*'),
        deprecated: flags.contains('!'),
        default: cells.some(),
        minimum: cells.some(),
        maximum: cells.some(),
        segments: cells.some(),
    }
}

fn field(cells: &mut Cells) -> Field {
    let name = cells.text();
    let ty = parse_type(cells.text());
    let flags = cells.text();
    Field {
        name,
        ty,
        read_only: flags.contains('o'),
        required: flags.contains('r'),
        deprecated: flags.contains('!'),
        default: cells.some(),
        required_for: cells.list(','),
    }
}

fn parse_type(cell: &'static str) -> Type {
    if let Some(of) = cell.strip_prefix('[') {
        return Type::List(Box::new(parse_type(of)));
    }
    if let Some(of) = cell.strip_prefix('{') {
        return Type::Map(Box::new(parse_type(of)));
    }
    if let Some(name) = cell.strip_prefix('@') {
        return Type::Schema(name);
    }
    let (kind, rest) = cell.split_once(':').unwrap_or((cell, ""));
    match kind {
        "b" => Type::Boolean,
        "i" => Type::Integer(Format::from_name(rest)),
        "n" => Type::Number(Format::from_name(rest)),
        "s" => Type::String(Format::from_name(rest)),
        "e" => Type::Enum(rest.split('|').collect()),
        _ => Type::Any,
    }
}
