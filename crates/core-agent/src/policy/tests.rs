//! Policies as users write them.

use std::sync::Arc;

use cedar_policy::Request;
use mcp_service::Principal;
use rmcp::model::Tool;
use serde_json::json;

use super::*;
use crate::catalogue::{Access, Category, Standing};

fn tool(name: &str, access: Access) -> HubTool {
    let listed = Tool::new(name.to_owned(), "", Arc::new(Map::new()));
    HubTool {
        server: "mail".parse().unwrap(),
        original: listed.clone(),
        listed,
        access,
        idempotent: false,
        categories: vec![Category::Communication],
        fingerprint: name.to_owned(),
        standing: Standing::Pinned,
        findings: Vec::new(),
    }
}

fn caller(name: &str) -> Actor {
    Actor {
        principal: Principal::new(name),
        name: name.into(),
        ..Actor::local()
    }
}

fn policy(text: &str) -> Policy {
    Policy::parse(&[("mine.cedar".into(), text.into())]).unwrap()
}

fn faults(text: &str) -> String {
    let faults = Policy::parse(&[("mine.cedar".into(), text.into())]).unwrap_err();
    faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn built_in_policies_ask_only_about_destruction_by_strangers() {
    let policy = Policy::builtin();
    for (access, trusted, allowed) in [
        (Access::Read, false, true),
        (Access::Write, false, true),
        (Access::Write, true, true),
        (Access::Destructive, true, true),
        (Access::Destructive, false, false),
    ] {
        let (actor, tool) = (Actor::local(), tool("t", access));
        let decision = policy.decide(&Asked::new(&actor, &tool, trusted));
        assert_eq!(
            matches!(decision, Decision::Allowed { .. }),
            allowed,
            "{decision:?}"
        );
        if !allowed {
            let Decision::NeedsApproval { policies, reason } = decision else {
                panic!("a person can lift it");
            };
            assert_eq!(
                policies,
                ["destruction-by-untrusted-servers-needs-a-person"]
            );
            assert!(reason.contains("not trusted"));
        }
    }
}

#[test]
fn a_users_policy_forbids_asks_and_replaces() {
    let policy = policy(
        r#"
        @id("no-mail-for-bots") @reason("bots do not write mail")
        forbid (principal == Caller::"bot", action == Action::"call", resource in Server::"mail")
        unless { resource.access == "read" };
        @id("ask-before-communication") @approval("somebody else reads it")
        forbid (principal, action == Action::"call", resource in Category::"communication")
        when { resource.access == "write" };
        @id("destruction-by-untrusted-servers-needs-a-person")
        forbid (principal, action == Action::"call", resource)
        when { resource.access == "destructive" };
        "#,
    );
    let decide = |who: &str, access| {
        let (actor, tool) = (caller(who), tool("t", access));
        policy.decide(&Asked::new(&actor, &tool, false))
    };
    assert!(matches!(
        decide("bot", Access::Read),
        Decision::Allowed { .. }
    ));
    assert_eq!(
        decide("bot", Access::Write),
        Decision::Denied {
            policies: vec!["ask-before-communication".into(), "no-mail-for-bots".into()],
            reason: "bots do not write mail".into(),
        }
    );
    assert!(matches!(
        decide("ann", Access::Write),
        Decision::NeedsApproval { .. }
    ));
    assert!(matches!(
        decide("ann", Access::Destructive),
        Decision::Denied { .. }
    ));
}

#[test]
fn a_person_cannot_lift_what_nothing_allows() {
    let policy = policy(
        r#"
        @id("writes-are-allowed") permit (principal == Caller::"ann", action == Action::"call", resource)
        when { resource.access == "write" };
        @approval("ask") forbid (principal, action == Action::"call", resource)
        when { resource.access == "write" };
        "#,
    );
    let tool = tool("t", Access::Write);
    let (ann, bob) = (caller("ann"), caller("bob"));
    let decide = |who| policy.decide(&Asked::new(who, &tool, true));
    assert!(matches!(decide(&ann), Decision::NeedsApproval { .. }));
    assert!(matches!(decide(&bob), Decision::Denied { .. }));
}

#[test]
fn policies_see_arguments_and_cannot_be_passed_by() {
    let policy = policy(
        r#"
        @id("not-there") forbid (principal, action == Action::"call", resource)
        when { context.texts.hasTag("path") && context.texts.getTag("path") like "/etc/*" };
        @id("not-so-many") forbid (principal, action == Action::"call", resource)
        when { context.numbers.hasTag("filter/count") && context.numbers.getTag("filter/count") > 10 };
        @id("careless") forbid (principal, action == Action::"call", resource)
        when { context.flags.hasTag("force") && context.flags.getTag("force") };
        "#,
    );
    let actor = Actor::local();
    let tool = tool("t", Access::Read);
    let decide = |arguments: Value| {
        let arguments = arguments.as_object().unwrap().clone();
        policy.decide(&Asked {
            arguments: &arguments,
            ..Asked::new(&actor, &tool, false)
        })
    };
    let allowed = |arguments| matches!(decide(arguments), Decision::Allowed { .. });
    assert!(allowed(
        json!({"path": "/home/a", "filter": {"count": 10}, "force": false})
    ));
    assert!(!allowed(json!({"path": "/etc/passwd"})));
    assert!(!allowed(json!({"filter": {"count": 11}})));
    assert!(!allowed(json!({"filter": {"count": 10.5}})));
    assert!(!allowed(json!({"filter": {"count": 1e300}})));
    assert!(!allowed(json!({"force": true})));
    // What cannot be shown to the policies is not allowed past them.
    let many: Vec<Value> = (0..20_000).map(Value::from).collect();
    assert!(!allowed(json!({"list": many})));
    assert!(!allowed(json!({"filter/count": 1, "filter": {"count": 2}})));
}

#[test]
fn decisions_are_remembered_for_the_same_caller_and_tool_only() {
    let policy = policy(
        r#"@id("x") forbid (principal == Caller::"bot", action == Action::"call", resource == Tool::"t");"#,
    );
    let (bot, ann) = (caller("bot"), caller("ann"));
    let (one, other) = (tool("t", Access::Read), tool("u", Access::Read));
    for _ in 0..2 {
        let denied = |who, tool| {
            matches!(
                policy.decide(&Asked::new(who, tool, false)),
                Decision::Denied { .. }
            )
        };
        assert!(denied(&bot, &one));
        assert!(!denied(&ann, &one));
        assert!(!denied(&bot, &other));
    }
    policy.decisions.run_pending_tasks();
    assert_eq!(policy.decisions.entry_count(), 3);
}

#[test]
fn faults_of_a_policy_are_found_by_reading() {
    assert!(faults("permit (principal, action, resource").contains("mine.cedar"));
    assert!(faults(r#"forbid (principal, action == Action::"cal", resource);"#).contains("cal"));
    assert!(
        faults(r#"forbid (principal, action == Action::"call", resource) when { resource.acces == "read" };"#)
            .contains("acces")
    );
    assert!(
        faults(r#"@approval("x") permit (principal, action == Action::"call", resource);"#)
            .contains("belongs to a forbid")
    );
    let twice = r#"@id("a") permit (principal, action == Action::"call", resource);"#;
    assert!(faults(&format!("{twice}{twice}")).contains("has this @id"));
}

#[test]
fn names_that_stand_for_nothing_are_found_beside_a_catalogue() {
    let policy = policy(
        r#"
        @id("a") forbid (principal == Caller::"bott", action == Action::"call", resource == Tool::"send_mial");
        @id("b") forbid (principal, action == Action::"call", resource in Server::"mial");
        @id("c") forbid (principal, action == Action::"call", resource in Category::"communications");
        @id("d") forbid (principal, action == Action::"call", resource) when { resource.access == "wriet" };
        @id("e") forbid (principal == Caller::"bot", action == Action::"call", resource == Tool::"send_mail");
        @id("f") forbid (principal, action == Action::"call", resource == Tool::"later_tool");
        "#,
    );
    let view = View::new(
        vec![Arc::new(tool("send_mail", Access::Write))],
        vec![],
        vec![],
        vec![],
        1,
    );
    let mut config = Config::default();
    for server in ["mail", "later"] {
        config.servers.insert(
            server.parse().unwrap(),
            crate::config::ServerConfig::default(),
        );
    }
    config
        .callers
        .insert("bot".into(), crate::config::CallerConfig::default());
    let faults = policy.check(&view, &config);
    let text = faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n");
    for expected in [
        r#"policy a: there is no Caller "bott"; did you mean "bot"?"#,
        r#"policy a: there is no Tool "send_mial"; did you mean "send_mail"?"#,
        r#"policy b: there is no Server "mial"; did you mean "mail"?"#,
        r#"policy c: there is no Category "communications"; did you mean "communication"?"#,
        r#"policy d: there is no access "wriet"; did you mean "write"?"#,
    ] {
        assert!(text.contains(expected), "{expected}:\n{text}");
    }
    assert_eq!(faults.len(), 5, "{text}");
}

#[test]
fn what_policies_are_told_fits_the_schema() {
    let schema = read::schema();
    let (mut actor, tool) = (caller("ann"), tool("t", Access::Write));
    actor.user.email = Some("a@b.c".into());
    let arguments = json!({"a": "x", "b": [1, true, null, {"c": 0.5}]});
    let asked = Asked {
        arguments: arguments.as_object().unwrap(),
        run: Some("r"),
        ..Asked::new(&actor, &tool, false)
    };
    for action in ["call", "approve"] {
        let (request, entities) = facts::facts(&asked, action).unwrap();
        let entities: Vec<_> = entities.into_iter().collect();
        cedar_policy::Entities::from_entities(entities, Some(&schema)).unwrap();
        Request::new(
            request.principal().unwrap().clone(),
            request.action().unwrap().clone(),
            request.resource().unwrap().clone(),
            request.context().unwrap().clone(),
            Some(&schema),
        )
        .unwrap();
    }
}

#[test]
fn answers_count_only_from_who_speaks_for_a_person() {
    let policy = Policy::builtin();
    let tool = tool("t", Access::Destructive);
    let mut actor = caller("ann");
    assert!(!policy.may_answer(&Asked::new(&actor, &tool, false)));
    actor.speaks_for_person = true;
    assert!(policy.may_answer(&Asked::new(&actor, &tool, false)));
}

#[test]
fn the_guides_policies_are_policies() {
    let guide = include_str!("../../../../docs/guides/policies.md");
    let blocks: Vec<&str> = guide
        .split("```cedar\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        policy(block);
    }
}
