//! Servers that are programs.

#![expect(
    deprecated,
    reason = "clients of the handshake era subscribe to resources"
)]

use std::{sync::Arc, time::Duration};

use core_agent::{
    Effect, Fault, FaultKind, ServerName,
    config::{EraChoice, ServerConfig, Template},
    store::Store,
    upstream::{
        CommandGate, Scope, ServerEvent, ServerState, Servers, ask_for_restart, kept_statuses,
    },
};
use futures::future::join_all;
use mcp_service::Era;
use rmcp::model::{
    ClientRequest, ServerNotification, ServerResult, SubscribeRequest, SubscribeRequestParams,
};
use serde_json::json;

use super::{Plan, Somebody, call, eventually, lines, name, patience, program, scope_of, words};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_started_by_its_first_call_listed_and_remembered() {
    let plan = Plan::new([("zoo", program(&["good"]))]);
    let folder = plan.folder.clone();
    let rig = plan.start();
    let status = rig.servers.status(&name("zoo")).unwrap();
    assert_eq!(
        (status.state, status.starts, status.pid),
        (ServerState::Configured, 0, None)
    );

    assert_eq!(rig.echo("zoo", "hello").await.unwrap(), "hello");
    let (server, info, listing) = rig.listing().await;
    assert_eq!(server, name("zoo"));
    assert_eq!(
        (info.era, info.program.name.as_str()),
        (Era::Stateless, "zoo")
    );
    assert!(
        listing.tools.len() >= 10 && listing.dropped.is_empty(),
        "{:?}",
        listing.dropped
    );
    assert_eq!(
        (
            listing.resources.len(),
            listing.templates.len(),
            listing.prompts.len()
        ),
        (1, 1, 1)
    );

    let status = rig.servers.status(&name("zoo")).unwrap();
    assert_eq!((status.state, status.starts), (ServerState::Ready, 1));
    assert!(status.pid.is_some() && !status.containment.is_empty());
    rig.servers.stop().await;
    let status = rig.servers.status(&name("zoo")).unwrap();
    assert_eq!((status.state, status.pid), (ServerState::Known, None));
    let refused = rig.echo("zoo", "late").await.unwrap_err();
    assert_eq!(
        (refused.kind, refused.effect),
        (FaultKind::Closed, Effect::None)
    );

    // Another process knows how it was, and that it is known.
    let store = Store::open(&folder.path().join("core-agent.db")).unwrap();
    eventually("the status is written down", || {
        kept_statuses(&store).unwrap().iter().any(|kept| {
            kept.server == "zoo"
                && kept.state == "known"
                && kept.era.as_deref() == Some("stateless")
        })
    })
    .await;
    let mut again = Plan::new([("zoo", program(&["good"]))]);
    again.folder = folder;
    let rig = again.start();
    assert_eq!(
        rig.servers.status(&name("zoo")).unwrap().state,
        ServerState::Known
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_era_is_found_out() {
    let table = [
        ("good", EraChoice::Auto, Era::Stateless),
        ("good", EraChoice::Handshake, Era::Handshake),
        ("new-era-only", EraChoice::Auto, Era::Stateless),
        ("old-era-only", EraChoice::Auto, Era::Handshake),
        // Started anew with the handshake.
        ("exit-on-discover", EraChoice::Auto, Era::Handshake),
        // Asked in the other era after a while of silence.
        ("hang-on-discover", EraChoice::Auto, Era::Handshake),
        ("string-ids", EraChoice::Auto, Era::Stateless),
        ("batch", EraChoice::Handshake, Era::Handshake),
    ];
    let tried = table.map(|(behaviour, choice, era)| async move {
        let config = ServerConfig {
            era: choice,
            ..program(&[behaviour])
        };
        let rig = Plan::new([("zoo", config)]).start();
        let info = rig
            .servers
            .ensure(&name("zoo"), &Scope::background())
            .await
            .unwrap();
        assert_eq!(info.era, era, "{behaviour}");
        assert_eq!(rig.echo("zoo", behaviour).await.unwrap(), behaviour);
        assert_eq!(rig.starts("zoo"), 1, "{behaviour}");
        // The era is known from now on.
        let info = rig.servers.restart(&name("zoo")).await.unwrap();
        assert_eq!(info.era, era, "{behaviour}");
        rig.servers.stop().await;
    });
    join_all(tried).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_callers_start_one_program() {
    let rig = Plan::new([("zoo", program(&["slow-start", "--delay-ms", "300"]))]).start();
    let calls = (0..50).map(|number| {
        let rig = &rig;
        async move { rig.echo("zoo", &number.to_string()).await }
    });
    for (number, said) in join_all(calls).await.into_iter().enumerate() {
        assert_eq!(said.unwrap(), number.to_string());
    }
    assert_eq!(rig.starts("zoo"), 1);
    // Who gives up ends its own waiting only.
    rig.servers.restart(&name("zoo")).await.unwrap();
    rig.servers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_gives_up_ends_no_start() {
    let rig = Plan::new([("zoo", program(&["slow-start", "--delay-ms", "300"]))]).start();
    let hasty = scope_of("hasty", None);
    hasty.cancelled.cancel();
    let (gone, stays) = tokio::join!(
        rig.call("zoo", "echo", json!({"text": "a"}), &hasty),
        rig.echo("zoo", "b"),
    );
    let gone = gone.unwrap_err();
    assert_eq!(
        (gone.kind, gone.effect),
        (FaultKind::Cancelled, Effect::None)
    );
    assert_eq!(stays.unwrap(), "b");
    assert_eq!(rig.starts("zoo"), 1);
    rig.servers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_says_what_is_known_of_its_effect() {
    use Effect::{Answered, None, Unknown};
    use FaultKind::{Closed, NotAvailable, Protocol, Rejected, StartFailed, TimedOut, TooLarge};
    let table = [
        ("exit-at-start", StartFailed, None),
        ("crash-at-start", StartFailed, None),
        ("needs-env", StartFailed, None),
        ("noise", StartFailed, None),
        ("closes-stdout", StartFailed, None),
        ("hang", TimedOut, None),
        ("deaf", TimedOut, None),
        ("crash-on-call", Closed, Unknown),
        ("exit-on-call", Closed, Unknown),
        ("closes-on-call", Closed, Unknown),
        ("hang-on-call", TimedOut, Unknown),
        ("error-call", Rejected, Answered),
        ("huge-result", TooLarge, Unknown),
        ("not-mcp", Protocol, Unknown),
    ];
    let tried = table.map(|(behaviour, kind, effect)| async move {
        let args: &[&str] = if behaviour == "not-mcp" {
            &["good", "--fault", "not-mcp"]
        } else {
            &[behaviour]
        };
        let mut plan = Plan::new([("zoo", program(args))]);
        plan.config.calls.start_seconds = 8;
        plan.config.calls.answer_bytes = 4 << 20;
        let rig = plan.start();
        let mut scope = scope_of("ann", Option::None);
        let idle = if behaviour == "hang-on-call" {
            1_000
        } else {
            20_000
        };
        scope.patience = patience(idle, 30_000);
        let fault = rig
            .call("zoo", "echo", json!({"text": "x"}), &scope)
            .await
            .unwrap_err();
        assert_eq!(
            (fault.kind, fault.effect),
            (kind, effect),
            "{behaviour}: {fault}"
        );
        eventually("nothing is at work", || {
            rig.servers.status(&name("zoo")).unwrap().in_flight == 0
        })
        .await;
        rig.servers.stop().await;
    });
    join_all(tried).await;
    let rig = Plan::new([(
        "none",
        ServerConfig {
            command: Some("no-such-program".into()),
            ..program(&[])
        },
    )])
    .start();
    let fault = rig.echo("none", "x").await.unwrap_err();
    assert_eq!((fault.kind, fault.effect), (NotAvailable, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_program_is_started_again_when_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let times = folder.path().join("times");
    std::fs::write(&times, "1").unwrap();
    let path = times.display().to_string();
    let args = [
        "good", "--fault", "crash", "--tool", "count", "--times", &path,
    ];
    let rig = Plan::new([("zoo", program(&args))]).start();
    let scope = scope_of("ann", None);
    let lost = rig
        .call("zoo", "count", json!({}), &scope)
        .await
        .unwrap_err();
    assert_eq!(
        (lost.kind, lost.effect),
        (FaultKind::Closed, Effect::Unknown)
    );
    assert!(lost.message.contains("signal 6"), "{lost}");
    // Nothing was sent twice: the new program counts from one.
    let counted = rig.call("zoo", "count", json!({}), &scope).await.unwrap();
    assert_eq!(words(&counted), "1");
    assert_eq!(rig.starts("zoo"), 2);
    rig.servers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_keeps_a_call_alive_and_is_passed_on_in_order() {
    let rig = Plan::new([("zoo", program(&["good"]))]).start();
    for era in [EraChoice::Stateless, EraChoice::Handshake] {
        let client = Arc::new(Somebody::default());
        let mut scope = scope_of("ann", Some(client.clone()));
        scope.patience = patience(1_000, 20_000);
        scope.meta.insert("progressToken".into(), json!("theirs"));
        let done = rig
            .call("zoo", "sleep", json!({"ms": 2_000, "steps": 10}), &scope)
            .await;
        assert_eq!(words(&done.unwrap()), "slept 2000 ms", "{era:?}");
        let told = client.told.lock().unwrap();
        let steps: Vec<_> = told
            .iter()
            .map(|word| match word {
                ServerNotification::ProgressNotification(word) => {
                    let token = serde_json::to_value(&word.params.progress_token).unwrap();
                    assert_eq!(token, "theirs");
                    word.params.progress
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(steps, (1..=10).map(f64::from).collect::<Vec<_>>());
    }
    // The cap holds whatever is said.
    let mut scope = scope_of("ann", None);
    scope.patience = patience(1_000, 1_200);
    let late = rig
        .call("zoo", "sleep", json!({"ms": 5_000, "steps": 50}), &scope)
        .await;
    let late = late.unwrap_err();
    assert_eq!(
        (late.kind, late.effect),
        (FaultKind::TimedOut, Effect::Unknown)
    );
    rig.servers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_gives_up_is_told_to_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let path = journal.display().to_string();
    for era in [EraChoice::Stateless, EraChoice::Handshake] {
        let config = ServerConfig {
            era,
            ..program(&["good", "--journal", &path])
        };
        let rig = Plan::new([("zoo", config)]).start();
        rig.echo("zoo", "there").await.unwrap();
        let scope = scope_of("ann", None);
        let cancelled = scope.cancelled.clone();
        let call = rig.call("zoo", "sleep", json!({"ms": 20_000}), &scope);
        let (fault, ()) = tokio::join!(call, async {
            eventually("it is at work", || {
                rig.servers.status(&name("zoo")).unwrap().in_flight == 1
            })
            .await;
            cancelled.cancel();
        });
        let fault = fault.unwrap_err();
        assert_eq!(
            (fault.kind, fault.effect),
            (FaultKind::Cancelled, Effect::Unknown)
        );
        let heard = |count| {
            lines(&journal)
                .iter()
                .filter(|line| *line == "cancelled sleep")
                .count()
                == count
        };
        eventually("the server heard of it", || heard(1)).await;
        // A caller that is simply dropped counts the same.
        let scope = scope_of("ann", None);
        let dropped = rig.call("zoo", "sleep", json!({"ms": 20_000}), &scope);
        let _ = tokio::time::timeout(Duration::from_millis(300), dropped).await;
        eventually("the server heard of it again", || heard(2)).await;
        std::fs::write(&journal, "").unwrap();
        rig.servers.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_reaches_the_person_it_is_for_or_nobody() {
    let config = ServerConfig {
        era: EraChoice::Handshake,
        ..program(&["elicits"])
    };
    let rig = Plan::new([("zoo", config)]).start();
    let client = Arc::new(Somebody::default());
    let asked = rig
        .call(
            "zoo",
            "ask",
            json!({}),
            &scope_of("ann", Some(client.clone())),
        )
        .await;
    let said = words(&asked.unwrap());
    assert!(said.contains("accept") && said.contains("Ann"), "{said}");
    assert_eq!(client.asked.lock().unwrap().len(), 1);

    // Nobody there, or nobody able: no, at once.
    let unable = Arc::new(Somebody {
        cannot: true,
        ..Somebody::default()
    });
    for client in [None, Some(unable)] {
        let asked = rig
            .call("zoo", "ask", json!({}), &scope_of("ann", client))
            .await;
        assert!(words(&asked.unwrap()).contains("decline"));
    }

    // Two people at once: neither is asked.
    let other = Arc::new(Somebody::default());
    let (bob, ann) = (scope_of("bob", None), scope_of("ann", Some(other.clone())));
    let sleeping = rig.call("zoo", "sleep", json!({"ms": 1_500}), &bob);
    let asking = async {
        eventually("the other is at work", || {
            rig.servers.status(&name("zoo")).unwrap().in_flight == 1
        })
        .await;
        rig.call("zoo", "ask", json!({}), &ann).await
    };
    let (_, asked) = tokio::join!(sleeping, asking);
    let said = words(&asked.unwrap());
    assert!(said.contains("several people"), "{said}");
    assert!(other.asked.lock().unwrap().is_empty());
    rig.servers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_the_new_era_asks_by_its_result() {
    let rig = Plan::new([("zoo", program(&["elicits"]))]).start();
    let scope = scope_of("ann", Some(Arc::new(Somebody::default())));
    let asked = rig
        .servers
        .request(&name("zoo"), call("ask", json!({})), &scope)
        .await
        .unwrap();
    let ServerResult::InputRequiredResult(asked) = asked else {
        panic!("{asked:?}");
    };
    let asked = serde_json::to_value(asked).unwrap();
    assert_eq!(asked["requestState"], "asked");
    rig.servers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_read_to_their_end_and_no_further() {
    let mut plan = Plan::new([
        ("paged", program(&["paged"])),
        ("endless", program(&["infinite-cursor"])),
        ("huge", program(&["huge-list"])),
        ("bad", program(&["bad-tools"])),
    ]);
    // More tools than are read are also more than an answer may be if nothing is said.
    plan.config.calls.answer_bytes = 32 << 20;
    let rig = plan.start();
    let scope = Scope::background();
    let names = rig.servers.names();
    for ready in join_all(names.iter().map(|name| rig.servers.ensure(name, &scope))).await {
        ready.unwrap();
    }
    for _ in 0..4 {
        let (server, _, listing) = rig.listing().await;
        let (tools, dropped) = (listing.tools.len(), listing.dropped.join("\n"));
        match server.as_str() {
            "paged" => assert!(tools >= 10 && dropped.is_empty(), "{dropped}"),
            "endless" => assert!(tools == 200 && dropped.contains("200 pages"), "{dropped}"),
            "huge" => assert!(
                tools == 4_000 && dropped.contains("4000 entries"),
                "{tools} {dropped}"
            ),
            _ => {
                // The good ones are all there, each bad one is told apart.
                assert_eq!((tools, listing.dropped.len()), (11, 9), "{dropped}");
                assert!(
                    dropped.contains("same name") && dropped.contains("blanks"),
                    "{dropped}"
                );
            }
        }
    }
    rig.servers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_by_itself_is_passed_on() {
    for era in [EraChoice::Handshake, EraChoice::Stateless] {
        let config = ServerConfig {
            era,
            ..program(&["list-changes"])
        };
        let rig = Plan::new([("zoo", config)]).start();
        let mut events = rig.servers.events();
        rig.servers
            .ensure(&name("zoo"), &Scope::background())
            .await
            .unwrap();
        let (_, _, first) = rig.listing().await;
        let (_, _, second) = rig.listing().await;
        assert_ne!(first.tools, second.tools, "{era:?}");
        let told = tokio::time::timeout(Duration::from_secs(20), async {
            while !matches!(events.recv().await, Ok(ServerEvent::ToolsChanged(_))) {}
        });
        told.await.unwrap();
        let watch = SubscribeRequest::new(SubscribeRequestParams::new("zoo://map"));
        let watch = ClientRequest::SubscribeRequest(watch);
        let watched = rig
            .servers
            .request(&name("zoo"), watch, &Scope::background())
            .await;
        assert!(
            matches!(watched.unwrap(), ServerResult::EmptyResult(_)),
            "{era:?}"
        );
        rig.servers.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_server_does_not_hold_up_the_others() {
    let bad = [
        "hang",
        "deaf",
        "noise",
        "exit-at-start",
        "request-flood",
        "notification-flood",
        "stderr-flood",
    ];
    let mut servers: Vec<_> = bad
        .iter()
        .map(|behaviour| (*behaviour, program(&[behaviour])))
        .collect();
    servers.push(("good", program(&["good"])));
    let mut plan = Plan::new(servers);
    plan.config.calls.start_seconds = 10;
    let rig = Arc::new(plan.start());
    for server in bad {
        let rig = rig.clone();
        tokio::spawn(async move { rig.echo(server, "x").await });
    }
    eventually("all of them are being started", || {
        bad.iter().all(|server| rig.starts(server) >= 1)
    })
    .await;
    for number in 0..20 {
        let text = number.to_string();
        let said = tokio::time::timeout(Duration::from_secs(8), rig.echo("good", &text));
        assert_eq!(said.await.unwrap().unwrap(), text);
    }
    let ended = tokio::time::timeout(Duration::from_secs(10), rig.servers.stop()).await;
    ended.unwrap();
}

struct Nothing;

impl CommandGate for Nothing {
    fn allowed(&self, server: &ServerName, config: &ServerConfig) -> Result<(), Fault> {
        let command = config.command.as_deref().unwrap();
        let what = format!("{command} is not approved");
        Err(Fault::before(server, FaultKind::NotApproved, what))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_not_approved_is_not_started() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal").display().to_string();
    let looked_up = folder.path().join("looked-up");
    let mut zoo = program(&["good", "--journal", &journal]);
    let reference = format!("${{command:touch {}}}", looked_up.display());
    zoo.env.insert("SECRET".into(), Template(reference));
    let mut plan = Plan::new([("zoo", zoo)]);
    plan.gate = Some(Arc::new(Nothing));
    let rig = plan.start();
    let fault = rig.echo("zoo", "x").await.unwrap_err();
    assert_eq!(
        (fault.kind, fault.effect),
        (FaultKind::NotApproved, Effect::None)
    );
    assert!(fault.message.contains("/zoo is not approved"), "{fault}");
    assert!(!looked_up.exists(), "a program was run for a secret");
    let status = rig.servers.status(&name("zoo")).unwrap();
    assert_eq!((status.state, status.pid), (ServerState::NotApproved, None));
    let off = ServerConfig {
        enabled: false,
        ..program(&["good"])
    };
    let rig = Plan::new([("off", off)]).start();
    assert_eq!(
        rig.echo("off", "x").await.unwrap_err().kind,
        FaultKind::Disabled
    );
    assert_eq!(
        rig.echo("nowhere", "x").await.unwrap_err().kind,
        FaultKind::NotConfigured
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_relayed_as_they_are() {
    let config = ServerConfig {
        era: EraChoice::Handshake,
        ..program(&["good"])
    };
    let rig = Plan::new([("zoo", config)]).start();
    let scope = scope_of("ann", None);
    for id in [json!(7), json!("seven"), json!("relay-0")] {
        let message = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": {"name": "echo", "arguments": {"text": "hi"}, "unknown": [1]}});
        let answer = rig
            .servers
            .relay(&name("zoo"), message, &scope)
            .await
            .unwrap();
        assert_eq!(answer["id"], id);
        assert_eq!(answer["result"]["content"][0]["text"], "hi");
    }
    let message = json!({"jsonrpc": "2.0", "id": 8, "method": "no/such"});
    let answer = rig
        .servers
        .relay(&name("zoo"), message, &scope)
        .await
        .unwrap();
    assert!(answer["error"]["code"].is_i64(), "{answer}");
    let rig = Plan::new([("down", program(&["exit-at-start"]))]).start();
    let message = json!({"jsonrpc": "2.0", "id": 9, "method": "ping"});
    let fault = rig
        .servers
        .relay(&name("down"), message, &scope)
        .await
        .unwrap_err();
    assert!(fault.message.contains("status 7"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn log_messages_reach_the_call_they_belong_to() {
    for era in [EraChoice::Handshake, EraChoice::Stateless] {
        let config = ServerConfig {
            era,
            ..program(&["logs"])
        };
        let rig = Plan::new([("zoo", config)]).start();
        let client = Arc::new(Somebody::default());
        let scope = scope_of("ann", Some(client.clone()));
        let said = rig
            .call("zoo", "log", json!({"text": "psst"}), &scope)
            .await;
        assert_eq!(words(&said.unwrap()), "said");
        let told = client.told.lock().unwrap();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(format!("{told:?}").contains("psst"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_for_roots_and_samples_are_answered_at_once() {
    for (behaviour, answer) in [("samples", "sample"), ("roots", "roots")] {
        let config = ServerConfig {
            era: EraChoice::Handshake,
            ..program(&[behaviour])
        };
        let rig = Plan::new([("zoo", config)]).start();
        let said = rig
            .call("zoo", answer, json!({}), &scope_of("ann", None))
            .await;
        let said = words(&said.unwrap());
        let expected = if behaviour == "roots" {
            "\"roots\":[]"
        } else {
            "no client"
        };
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_can_have_a_server_started_anew() {
    let plan = Plan::new([("zoo", program(&["good"]))]);
    let folder = plan.folder.clone();
    let rig = plan.start();
    rig.echo("zoo", "a").await.unwrap();
    let before = rig.servers.status(&name("zoo")).unwrap().pid;
    let store = Store::open(&folder.path().join("core-agent.db")).unwrap();
    let now = foundation::Clock::now(&foundation::SystemClock);
    ask_for_restart(&store, &name("zoo"), now).await.unwrap();
    eventually("it is another program", || {
        let status = rig.servers.status(&name("zoo")).unwrap();
        status.state == ServerState::Ready && status.pid.is_some() && status.pid != before
    })
    .await;
    rig.servers.stop().await;
}

/// The programs started with this word among their arguments.
#[cfg(target_os = "linux")]
fn programs_with(word: &str) -> usize {
    let zoo = crate::keeper::zoo().display().to_string();
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok())
        .filter(|line| line.starts_with(&zoo) && line.contains(word))
        .count()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_leaves_one_program_whoever_is_waiting() {
    use std::sync::atomic::{AtomicBool, Ordering};

    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal").display().to_string();
    let zoo = program(&["slow-start", "--delay-ms", "30", "--journal", &journal]);
    let rig = Arc::new(Plan::new([("zoo", zoo)]).start());
    let done = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let (rig, done) = (rig.clone(), done.clone());
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    // It may be refused while it is ended, and is asked again at once.
                    let _ = rig.echo("zoo", "x").await;
                }
            })
        })
        .collect();
    for _ in 0..8 {
        let _ = rig.servers.restart(&name("zoo")).await;
        assert_eq!(rig.echo("zoo", "after").await.unwrap(), "after");
    }
    done.store(true, Ordering::Relaxed);
    join_all(callers).await;
    eventually("one program is left", || programs_with(&journal) == 1).await;
    rig.servers.stop().await;
    eventually("none is left", || programs_with(&journal) == 0).await;
}
