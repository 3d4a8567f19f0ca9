//! The shapes of JSON that Google's methods take and give.
//!
//! Not a JSON Schema: only what Google's descriptions can say. Objects that Google writes inline
//! have become schemas of their own, named after where they stand (`Event.creator`).
//! Invariant: every [`Type::Schema`] names a schema of the same API.

use std::collections::BTreeMap;

/// One kind of JSON object.
#[derive(Debug)]
pub struct Schema {
    /// Google's name for it, such as `Message`; inline objects are `Parent.property`.
    pub name: &'static str,
    /// The known properties.
    pub fields: BTreeMap<&'static str, Field>,
    /// The type of properties with free names, where those are allowed.
    pub values: Option<Type>,
    /// Names of the properties that some request has to carry.
    pub(crate) demanded: Vec<&'static str>,
    /// Whether a property lists the fields that a request changes, so that the objects beside it
    /// may be incomplete.
    pub(crate) has_mask: bool,
}

/// One property of a [`Schema`].
#[derive(Debug)]
pub struct Field {
    /// The property's name.
    pub name: &'static str,
    /// What it holds.
    pub ty: Type,
    /// Set by Google alone; a request may carry it, and Google ignores it.
    pub read_only: bool,
    /// Still accepted, but Google wants it gone.
    pub deprecated: bool,
    /// Demanded wherever the object is created or replaced.
    pub required: bool,
    /// Ids of the methods that demand it though others do not.
    pub required_for: Vec<&'static str>,
    /// What Google assumes when it is absent.
    pub default: Option<&'static str>,
}

impl Field {
    /// Whether a full request of `method` has to carry this property.
    pub fn required_by(&self, method: &str) -> bool {
        self.required || self.required_for.contains(&method)
    }
}

/// What a property or parameter holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Type {
    /// Any JSON at all.
    Any,
    /// `true` or `false`.
    Boolean,
    /// A whole number, as a JSON number.
    Integer(Format),
    /// A number, as a JSON number.
    Number(Format),
    /// A string, which may have to look like something; 64-bit numbers travel so.
    String(Format),
    /// One of these strings.
    Enum(Vec<&'static str>),
    /// A JSON array.
    List(Box<Type>),
    /// A JSON object with free names and values of one type.
    Map(Box<Type>),
    /// An object described by the schema of this name.
    Schema(&'static str),
}

impl Type {
    /// The type in a few words, for people and models: `string (int64)`, `list of Message`.
    pub fn words(&self) -> String {
        match self {
            Self::Any => "any JSON".to_owned(),
            Self::Boolean => "boolean".to_owned(),
            Self::Integer(format) => with_format("integer", *format),
            Self::Number(format) => with_format("number", *format),
            Self::String(format) => with_format("string", *format),
            Self::Enum(values) => format!("one of {}", values.join(", ")),
            Self::List(of) => format!("list of {}", of.words()),
            Self::Map(of) => format!("map of {}", of.words()),
            Self::Schema(name) => (*name).to_owned(),
        }
    }

    /// The schema met when this type is entered through its lists and maps.
    pub fn schema_name(&self) -> Option<&'static str> {
        match self {
            Self::Schema(name) => Some(name),
            Self::List(of) | Self::Map(of) => of.schema_name(),
            _ => None,
        }
    }
}

fn with_format(word: &str, format: Format) -> String {
    match format {
        Format::None => word.to_owned(),
        other => format!("{word} ({})", other.name()),
    }
}

/// How a string or number is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// Nothing special.
    None,
    Int32,
    Uint32,
    Int64,
    Uint64,
    Float,
    Double,
    /// Base64, in either alphabet, with or without padding.
    Byte,
    /// `2026-03-29`.
    Date,
    /// RFC 3339.
    DateTime,
    /// Seconds with an `s`: `3.5s`.
    Duration,
    /// Field names with commas between.
    FieldMask,
}

impl Format {
    /// The word Google's descriptions use.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Int32 => "int32",
            Self::Uint32 => "uint32",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
            Self::Float => "float",
            Self::Double => "double",
            Self::Byte => "byte",
            Self::Date => "date",
            Self::DateTime => "date-time",
            Self::Duration => "google-duration",
            Self::FieldMask => "google-fieldmask",
        }
    }

    /// The format with this name; unknown names are no format, so that newer documents still load.
    pub fn from_name(name: &str) -> Self {
        match name {
            "int32" => Self::Int32,
            "uint32" => Self::Uint32,
            "int64" => Self::Int64,
            "uint64" => Self::Uint64,
            "float" => Self::Float,
            "double" => Self::Double,
            "byte" => Self::Byte,
            "date" => Self::Date,
            "date-time" | "google-datetime" => Self::DateTime,
            "google-duration" => Self::Duration,
            "google-fieldmask" => Self::FieldMask,
            _ => Self::None,
        }
    }

    /// Whether the string is a 64-bit whole number in quotes.
    pub fn is_quoted_integer(self) -> bool {
        matches!(self, Self::Int64 | Self::Uint64)
    }
}
