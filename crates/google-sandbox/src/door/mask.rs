//! Partial responses: the `fields` parameter.
//!
//! Not the check that a mask fits the schema: the catalogue does that. Invariant: whatever the
//! mask does not name is absent from the answer.

use serde_json::{Map, Value};

/// A mask: which fields to keep, each with the mask below it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Mask(Vec<(String, Mask)>);

impl Mask {
    /// Reads `a,b(c,d/e),*`; none when brackets or names are wrong.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim().chars().peekable();
        let mask = list(&mut rest, 0)?;
        rest.peek().is_none().then_some(mask)
    }

    /// Keeps what the mask names.
    pub(crate) fn apply(&self, value: Value) -> Value {
        if self.0.is_empty() {
            return value;
        }
        match value {
            Value::Array(items) => {
                Value::Array(items.into_iter().map(|item| self.apply(item)).collect())
            }
            Value::Object(fields) => Value::Object(self.keep(fields)),
            other => other,
        }
    }

    fn keep(&self, fields: Map<String, Value>) -> Map<String, Value> {
        let mut kept = Map::new();
        for (name, value) in fields {
            let wanted = self
                .0
                .iter()
                .filter(|(field, _)| *field == name || field == "*");
            let mut below = Mask::default();
            let mut named = false;
            for (_, mask) in wanted {
                if named && (below.0.is_empty() || mask.0.is_empty()) {
                    below = Mask::default();
                } else {
                    below.0.extend(
                        mask.0
                            .iter()
                            .map(|(field, mask)| (field.clone(), mask.copy())),
                    );
                }
                named = true;
            }
            if named {
                kept.insert(name, below.apply(value));
            }
        }
        kept
    }

    fn copy(&self) -> Self {
        Self(
            self.0
                .iter()
                .map(|(field, mask)| (field.clone(), mask.copy()))
                .collect(),
        )
    }
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn list(rest: &mut Rest<'_>, depth: usize) -> Option<Mask> {
    if depth > 32 {
        return None;
    }
    let mut fields = Vec::new();
    loop {
        fields.push(field(rest, depth)?);
        if rest.peek() != Some(&',') {
            return Some(Mask(fields));
        }
        rest.next();
    }
}

fn field(rest: &mut Rest<'_>, depth: usize) -> Option<(String, Mask)> {
    let mut name = String::new();
    while let Some(letter) = rest.next_if(|letter| !matches!(letter, ',' | '(' | ')' | '/')) {
        name.push(letter);
    }
    let name = name.trim().to_owned();
    if name.is_empty() {
        return None;
    }
    match rest.peek() {
        Some('/') => {
            rest.next();
            Some((name, Mask(vec![field(rest, depth + 1)?])))
        }
        Some('(') => {
            rest.next();
            let below = list(rest, depth + 1)?;
            (rest.next() == Some(')')).then_some((name, below))
        }
        _ => Some((name, Mask::default())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masked(mask: &str, value: Value) -> Value {
        Mask::parse(mask).expect("a good mask").apply(value)
    }

    #[test]
    fn masks_keep_what_they_name() {
        let value = json!({"a": 1, "b": {"c": 2, "d": {"e": 3, "f": 4}}, "g": [{"h": 5, "i": 6}]});
        assert_eq!(masked("a", value.clone()), json!({"a": 1}));
        assert_eq!(
            masked("b/d/e,g(h)", value.clone()),
            json!({"b": {"d": {"e": 3}}, "g": [{"h": 5}]})
        );
        assert_eq!(masked("*", value.clone()), value);
        assert_eq!(
            masked("b(c,d(f))", value.clone()),
            json!({"b": {"c": 2, "d": {"f": 4}}})
        );
        assert_eq!(
            masked("*/c", value),
            json!({"a": 1, "b": {"c": 2}, "g": [{}]})
        );
    }

    #[test]
    fn broken_masks_are_refused() {
        for wrong in ["", "a(", "a)", "a,,b", "a()", "/a", "a(b"] {
            assert!(Mask::parse(wrong).is_none(), "{wrong}");
        }
    }
}
