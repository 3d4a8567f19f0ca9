//! JSON as Google's schemas want it: 64-bit numbers travel as strings.
//!
//! Not a validation. Invariant: nothing else is changed; `null` in particular stays, because in
//! Sheets it means "leave this cell".

use google_discovery::{Api, Method, Type};
use serde_json::Value;

/// How deep bodies are looked at; deeper ones are left to validation.
const DEEPEST: u32 = 60;

/// Turns numbers into strings wherever the method's schema wants 64-bit numbers.
pub(crate) fn fit(method: &'static Method, body: &mut Value) {
    if let Some(name) = method.request {
        fit_value(method.api(), &Type::Schema(name), body, DEEPEST);
    }
}

fn fit_value(api: &'static Api, ty: &Type, value: &mut Value, left: u32) {
    let Some(left) = left.checked_sub(1) else {
        return;
    };
    match (ty, value) {
        (Type::String(format), value @ Value::Number(_))
            if format.is_quoted_integer() && (value.is_i64() || value.is_u64()) =>
        {
            *value = Value::String(value.to_string());
        }
        (Type::List(of), Value::Array(list)) => {
            for value in list {
                fit_value(api, of, value, left);
            }
        }
        (Type::Map(of), Value::Object(map)) => {
            for value in map.values_mut() {
                fit_value(api, of, value, left);
            }
        }
        (Type::Schema(name), Value::Object(map)) => {
            let Some(schema) = api.schema(name) else {
                return;
            };
            for (key, value) in map.iter_mut() {
                let known = schema.fields.get(key.as_str()).map(|field| &field.ty);
                if let Some(ty) = known.or(schema.values.as_ref()) {
                    fit_value(api, ty, value, left);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use google_discovery::catalogue;
    use serde_json::json;

    use super::*;

    #[test]
    fn long_numbers_become_text_and_nulls_stay() {
        let update = catalogue()
            .method("sheets.spreadsheets.values.update")
            .unwrap();
        let mut cells = json!({"values": [[1, null, "x"], [null]]});
        let before = cells.clone();
        fit(update, &mut cells);
        assert_eq!(cells, before);

        let import = catalogue().method("gmail.users.messages.insert").unwrap();
        let mut message = json!({"internalDate": 1_764_000_000_000_u64, "sizeEstimate": 5});
        fit(import, &mut message);
        assert_eq!(
            message,
            json!({"internalDate": "1764000000000", "sizeEstimate": 5})
        );
    }
}
