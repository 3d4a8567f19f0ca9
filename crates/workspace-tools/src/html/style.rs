//! Just enough of style sheets to tell visible text from hidden text.
//!
//! Not CSS: single-element selectors outside `@` rules, and the declarations that hide. Where the
//! meaning is uncertain (a background from a picture) text counts as visible.

use std::collections::HashMap;

/// The rules of a document.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    by_selector: HashMap<String, String>,
}

/// What an element's own attributes say about its looks.
#[derive(Debug, Default)]
pub(super) struct Look<'a> {
    /// Its `style`.
    pub declarations: &'a str,
    /// Its `bgcolor`.
    pub background: Option<&'a str>,
    /// Its `color`, for `font`.
    pub color: Option<&'a str>,
    /// Whether it has a picture behind it.
    pub has_picture: bool,
}

/// What surrounds an element, as far as it decides about visibility.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    /// The colour behind the text; `None` when it cannot be known.
    background: Option<Color>,
    /// The colour of the text.
    color: Option<Color>,
}

type Color = (u8, u8, u8);

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            background: Some((255, 255, 255)),
            color: Some((0, 0, 0)),
        }
    }
}

impl Sheet {
    /// The rules in `text`.
    pub(super) fn of(text: &str) -> Self {
        let mut by_selector: HashMap<String, String> = HashMap::new();
        let text = without_comments(text);
        let mut rest = text.as_str();
        while let Some((selectors, after)) = rest.split_once('{') {
            if selectors.trim_start().starts_with('@') {
                rest = after_block(after);
                continue;
            }
            let Some((declarations, after)) = after.split_once('}') else {
                break;
            };
            for selector in selectors.split(',') {
                let rule = by_selector
                    .entry(selector.trim().to_ascii_lowercase())
                    .or_default();
                rule.push_str(declarations);
                rule.push(';');
            }
            rest = after;
        }
        Self { by_selector }
    }

    /// What surrounds the content of an element; `None` when it cannot be seen.
    pub(super) fn inside(
        &self,
        tag: &str,
        id: Option<&str>,
        classes: &[&str],
        own: &Look<'_>,
        around: &Surroundings,
    ) -> Option<Surroundings> {
        let mut declarations = Vec::new();
        for rule in self.matching(tag, id, classes) {
            declarations.extend(declared(rule));
        }
        declarations.extend(declared(own.declarations));
        if hides(&declarations) {
            return None;
        }
        let mut inside = around.clone();
        if own.has_picture {
            inside.background = None;
        }
        if let Some(background) = own.background {
            inside.background = color(background);
        }
        if let Some(own) = own.color {
            inside.color = color(own);
        }
        for (name, value) in &declarations {
            match name.as_str() {
                "color" => inside.color = color(value),
                "background-color" | "background" if value == "transparent" || value == "none" => {}
                "background-color" | "background" => inside.background = color(value),
                "background-image" if value != "none" => inside.background = None,
                _ => {}
            }
        }
        // Text that was legible around it and is not any more is meant to be missed.
        let legible = inside.color.is_none() || inside.color != inside.background;
        legible.then_some(inside)
    }

    fn matching(&self, tag: &str, id: Option<&str>, classes: &[&str]) -> Vec<&str> {
        if self.by_selector.is_empty() {
            return Vec::new();
        }
        let mut selectors = vec![tag.to_owned()];
        for class in classes {
            selectors.push(format!(".{class}"));
            selectors.push(format!("{tag}.{class}"));
        }
        if let Some(id) = id {
            selectors.push(format!("#{id}"));
            selectors.push(format!("{tag}#{id}"));
        }
        selectors
            .iter()
            .filter_map(|selector| self.by_selector.get(&selector.to_ascii_lowercase()))
            .map(String::as_str)
            .collect()
    }
}

fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        kept.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    kept.replace("<!--", "").replace("-->", "")
}

/// What follows the block whose brace was just opened.
fn after_block(text: &str) -> &str {
    let mut depth = 1_usize;
    for (offset, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return text.get(offset + 1..).unwrap_or_default();
        }
    }
    ""
}

fn declared(declarations: &str) -> Vec<(String, String)> {
    declarations
        .split(';')
        .filter_map(|declaration| declaration.split_once(':'))
        .map(|(name, value)| {
            let value = value.to_ascii_lowercase();
            let value = value.replace("!important", "");
            (name.trim().to_ascii_lowercase(), value.trim().to_owned())
        })
        .collect()
}

fn hides(declarations: &[(String, String)]) -> bool {
    // The last declaration of a name wins.
    let get = |wanted: &str| {
        declarations
            .iter()
            .rev()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
    };
    let is_zero = |name| {
        get(name)
            .and_then(length)
            .is_some_and(|length| length.abs() < 1.5)
    };
    let far = |name| {
        get(name)
            .and_then(length)
            .is_some_and(|length| length <= -500.0)
    };
    let clipped = get("overflow").is_some_and(|value| value.starts_with("hidden"));
    get("display") == Some("none")
        || matches!(get("visibility"), Some("hidden" | "collapse"))
        || get("mso-hide") == Some("all")
        || get("opacity")
            .and_then(length)
            .is_some_and(|opacity| opacity < 0.05)
        || is_zero("font-size")
        || (clipped
            && (is_zero("max-height")
                || is_zero("height")
                || is_zero("max-width")
                || is_zero("width")))
        || far("left")
        || far("top")
        || far("text-indent")
        || far("margin-left")
}

fn length(value: &str) -> Option<f64> {
    let number: String = value
        .chars()
        .take_while(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))
        .collect();
    let unit = value.get(number.len()..)?.trim();
    let scale = match unit {
        "em" | "rem" | "ex" => 16.0,
        // Percentages of an unknown whole: only nothing is certain.
        "%" => 100.0,
        _ => 1.0,
    };
    number.parse::<f64>().ok().map(|number| number * scale)
}

fn color(value: &str) -> Option<Color> {
    let value = value.trim().to_ascii_lowercase();
    if let Some(hex) = value.strip_prefix('#') {
        return hex_color(hex.split_whitespace().next()?);
    }
    if let Some(inner) = value
        .strip_prefix("rgb")
        .and_then(|rest| rest.split_once('('))
    {
        let mut numbers = inner
            .1
            .split([',', ' ', '/', ')'])
            .filter(|part| !part.is_empty());
        let mut channel = || numbers.next()?.parse::<u8>().ok();
        return Some((channel()?, channel()?, channel()?));
    }
    match value.as_str() {
        "white" => Some((255, 255, 255)),
        "black" => Some((0, 0, 0)),
        _ => hex_color(&value),
    }
}

fn hex_color(hex: &str) -> Option<Color> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    match digits.as_slice() {
        [r, g, b] => Some((r * 17, g * 17, b * 17)),
        [r, rr, g, gg, b, bb] => Some((r * 16 + rr, g * 16 + gg, b * 16 + bb)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_in_every_spelling() {
        for spelling in [
            "#fff",
            "#FFFFFF",
            "white",
            "rgb(255,255,255)",
            "rgb(255 255 255)",
            "ffffff",
        ] {
            assert_eq!(color(spelling), Some((255, 255, 255)), "{spelling}");
        }
        assert_eq!(color("url(x.png)"), None);
        assert_eq!(color("chartreuse"), None);
    }

    #[test]
    fn at_rules_are_passed_over() {
        let sheet = Sheet::of("@media x { .a{display:none} } /* .b{} */ .c, p.d { display:none }");
        let hidden = |tag, class| {
            sheet
                .inside(
                    tag,
                    None,
                    &[class],
                    &Look::default(),
                    &Surroundings::default(),
                )
                .is_none()
        };
        assert!(!hidden("p", "a"));
        assert!(!hidden("p", "b"));
        assert!(hidden("p", "c") && hidden("p", "d") && !hidden("b", "d"));
    }
}
