//! Whatever comes in, the checks answer and never panic.

use google_discovery::{HttpMethod, Method, catalogue};
use proptest::prelude::*;
use serde_json::{Map, Value};

fn any_method() -> impl Strategy<Value = &'static Method> {
    let all: Vec<&'static Method> = catalogue().methods().collect();
    proptest::sample::select(all)
}

/// Names that occur in the catalogue, so that the random walks get past the first step.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "id",
            "name",
            "message",
            "payload",
            "parts",
            "requests",
            "values",
            "start",
            "end",
            "file",
            "insertText",
            "updateMask",
            "properties",
            "fields",
            "labelIds",
            "attendees",
        ])
        .prop_map(str::to_owned),
        ".{0,12}",
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,30}".prop_map(Value::from),
        "[0-9TZ:+-]{0,25}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::vec((name(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn validation_answers(
        method in any_method(),
        parameters in proptest::collection::vec((name(), ".{0,40}"), 0..5),
        body in proptest::option::of(json()),
    ) {
        if let Err(wrong) = method.validate(&parameters, body.as_ref()) {
            prop_assert!(!wrong.problems.is_empty());
            prop_assert!(wrong.to_string().len() < 60_000);
        }
        if let Some(mut body) = body {
            let _ = method.check_answer(&body);
            let before = method.validate(&parameters, Some(&body)).is_ok();
            method.quote_integers(&mut body);
            prop_assert_eq!(before, method.validate(&parameters, Some(&body)).is_ok());
        }
    }

    #[test]
    fn masks_answer(method in any_method(), mask in "[a-z*/.,() \u{e9}]{0,40}|(files|id|items|payload|[(),/*]){0,20}") {
        let _ = method.check_fields(&mask);
    }

    #[test]
    fn routes_answer(
        host in "gmail|drive|chat|sheets|www\\.googleapis\\.com|.{0,10}",
        path in "(/|v1|v4|users|spaces|spreadsheets|%2F|%|:|\u{e9}|\\{|\\}|me|[a-z]{1,5}){0,12}",
    ) {
        for verb in [HttpMethod::Get, HttpMethod::Post, HttpMethod::Delete] {
            if let Some((method, parameters)) = catalogue().route(verb, &host, &path) {
                prop_assert_eq!(method.matches(verb, &path), Some(parameters));
            }
        }
    }

    #[test]
    fn searches_answer(words in ".{0,60}", limit in 0_usize..30) {
        prop_assert!(catalogue().search(&words, limit).len() <= limit);
    }
}
