//! Puts 64-bit numbers into quotes, as Google's JSON has them.
//!
//! Not a check: what has another type stays as it is. Invariant: nothing but numbers in the place
//! of quoted integers changes.

use serde_json::Value;

use crate::{
    api::Api,
    schema::{Schema, Type},
};

enum Expected {
    Schema(&'static Schema),
    Type(&'static Type),
}

pub(super) fn integers(api: &'static Api, schema: &'static Schema, body: &mut Value) {
    let mut open = vec![(body, Expected::Schema(schema))];
    while let Some((value, expected)) = open.pop() {
        let ty = match expected {
            Expected::Type(Type::Schema(name)) => match api.schema(name) {
                Some(schema) => Err(schema),
                None => continue,
            },
            Expected::Type(ty) => Ok(ty),
            Expected::Schema(schema) => Err(schema),
        };
        match (ty, value) {
            (Err(schema), Value::Object(fields)) => {
                for (name, value) in fields {
                    let field = schema.fields.get(name.as_str()).map(|field| &field.ty);
                    if let Some(ty) = field.or(schema.values.as_ref()) {
                        open.push((value, Expected::Type(ty)));
                    }
                }
            }
            (Ok(Type::List(of)), Value::Array(items)) => {
                open.extend(
                    items
                        .iter_mut()
                        .map(|item| (item, Expected::Type(of.as_ref()))),
                );
            }
            (Ok(Type::Map(of)), Value::Object(fields)) => {
                open.extend(
                    fields
                        .values_mut()
                        .map(|one| (one, Expected::Type(of.as_ref()))),
                );
            }
            (Ok(Type::String(format)), value)
                if format.is_quoted_integer() && (value.is_i64() || value.is_u64()) =>
            {
                *value = Value::String(value.to_string());
            }
            _ => {}
        }
    }
}
