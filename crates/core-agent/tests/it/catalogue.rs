//! The catalogue as a whole: kept over a restart, filtered, quick with ten thousand tools.
//!
//! Invariant: no server is started here; everything comes from listings.

use std::{collections::BTreeSet, time::Instant};

use core_agent::{
    ServerName,
    catalogue::{Catalogue, Category},
    config::Template,
    search::SearchQuery,
    upstream::{Listing, Listings},
};
use rmcp::model::{Prompt, Resource, Tool};
use serde_json::json;

use crate::definitions::{Real, configured, listed, open, real};

fn names(catalogue: &Catalogue) -> Vec<String> {
    let view = catalogue.view();
    view.tools
        .iter()
        .map(|tool| tool.name().to_owned())
        .collect()
}

#[tokio::test]
async fn real_tools_get_names_and_schemas_every_client_takes() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = listed(folder.path(), &real()).await;
    let view = catalogue.view();
    let distinct: BTreeSet<&str> = view.tools.iter().map(|tool| tool.name()).collect();
    assert_eq!(distinct.len(), view.tools.len());
    for tool in &view.tools {
        let name = tool.name();
        assert!(
            name.len() <= 64
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'),
            "{name}"
        );
        let schema = serde_json::to_string(&*tool.listed.input_schema).unwrap();
        assert_eq!(tool.listed.input_schema["type"], json!("object"), "{name}");
        for word in ["\"$ref\"", "\"$defs\"", "\"oneOf\"", "\"allOf\""] {
            // A property may be called so; a keyword has a schema, a list or a text behind it.
            assert!(
                !schema.contains(&format!("{word}:[")) && !schema.contains(&format!("{word}:\"#")),
                "{name}: {schema}"
            );
        }
        assert_eq!(view.tool(name).unwrap().fingerprint, tool.fingerprint);
    }
}

#[tokio::test]
async fn the_catalogue_is_there_after_a_restart_without_what_left_the_configuration() {
    let servers = real();
    let folder = tempfile::tempdir().unwrap();
    let before = names(&*listed(folder.path(), &servers).await);
    let mut config = configured(&servers);
    let again = open(folder.path(), config.clone());
    assert_eq!(names(&again), before);
    let slack: ServerName = "slack".parse().unwrap();
    assert_eq!(again.known(&slack).unwrap().listing.tools.len(), 8);
    drop(again);
    config.servers.remove(&slack);
    let without = names(&open(folder.path(), config));
    assert_eq!(without.len(), before.len() - 8);
    assert!(!without.iter().any(|name| name.starts_with("slack__")));
}

#[tokio::test]
async fn filters_and_prefixes_are_applied() {
    let servers: Vec<Real> = real()
        .into_iter()
        .filter(|real| real.server.as_str() == "github")
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let mut config = configured(&servers);
    let github = config.servers.get_mut(&servers[0].server).unwrap();
    github.tools = vec!["list_*".into(), "create_issue".into()];
    github.exclude = vec!["list_commits".into()];
    github.prefix = Some("gh".into());
    github.args.push(Template("--more".into()));
    let catalogue = open(folder.path(), config);
    let mut revisions = catalogue.revisions();
    revisions.borrow_and_update();
    catalogue
        .listed(&servers[0].server, &servers[0].info(), servers[0].listing())
        .await;
    assert!(revisions.has_changed().unwrap());
    assert_eq!(
        names(&catalogue),
        [
            "gh__create_issue",
            "gh__list_issues",
            "gh__list_pull_requests"
        ]
    );
    let hits = catalogue.search(&SearchQuery::new("file a new ticket"));
    assert_eq!(hits[0].tool.name(), "gh__create_issue");
}

#[tokio::test]
async fn an_address_two_servers_claim_is_nobodys() {
    let servers: Vec<Real> = real().into_iter().take(2).collect();
    let folder = tempfile::tempdir().unwrap();
    let catalogue = open(folder.path(), configured(&servers));
    for (at, real) in servers.iter().enumerate() {
        let own = format!("note://own/{at}");
        let listing = Listing {
            resources: vec![
                Resource::new("note://both", "both"),
                Resource::new(own, "own"),
            ],
            prompts: vec![Prompt::new("greet", Some("Greets"), None)],
            ..Listing::default()
        };
        catalogue.listed(&real.server, &real.info(), listing).await;
    }
    let view = catalogue.view();
    let (one, other) = (&servers[0].server, &servers[1].server);
    assert_eq!(view.resource("note://both"), None);
    assert_eq!(view.resource("note://own/1"), Some((other, "note://own/1")));
    let address = format!("hub://{one}/note://both");
    assert!(
        view.resources
            .iter()
            .any(|(_, resource)| resource.uri == address)
    );
    assert_eq!(view.resource(&address), Some((one, "note://both")));
    assert_eq!(
        view.prompt(&format!("{one}__greet")).unwrap().original,
        "greet"
    );
}

/// The words of the categories were chosen with these servers in view; the tools were drawn by
/// chance and labelled by hand afterwards.
#[tokio::test]
async fn categories_are_those_a_person_gives() {
    let folder = tempfile::tempdir().unwrap();
    let view = listed(folder.path(), &real()).await.view();
    let labels = include_str!("../data/tools/categories.tsv");
    let (mut all, mut first, mut among) = (0, 0, 0);
    for line in labels.lines() {
        let (tool, label) = line.split_once('\t').unwrap();
        let (server, own) = tool.split_once('/').unwrap();
        let label: Category = label.parse().unwrap();
        let tool = view.tool_of(&server.parse().unwrap(), own).unwrap();
        all += 1;
        first += usize::from(tool.categories.first() == Some(&label));
        among += usize::from(tool.categories.contains(&label));
    }
    println!(
        "of {all} labelled tools {first} have the label first, {among} among their categories"
    );
    assert!(all >= 100 && first * 100 >= all * 85 && among * 100 >= all * 92);
}

#[tokio::test]
async fn ten_thousand_tools_are_no_burden() {
    let mut servers = Vec::new();
    for at in 0..100 {
        let tools = (0..100)
            .map(|tool| {
                json!({ "name": format!("do_thing_{tool}"), "description": format!("Does thing number {tool} of {at}."),
                    "inputSchema": { "type": "object", "properties": {
                        "what": { "type": "string", "description": "What it is done to." }, "count": { "type": "integer" } } } })
            })
            .collect();
        servers.push(Real {
            server: format!("server{at}").parse().unwrap(),
            package: "made-up".into(),
            version: "1".into(),
            program: "made-up".into(),
            tools,
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let catalogue = listed(folder.path(), &servers).await;
    assert_eq!(catalogue.view().tools.len(), 10_000);
    let begin = Instant::now();
    catalogue
        .listed(&servers[0].server, &servers[0].info(), servers[0].listing())
        .await;
    println!("one server of a hundred lists again: {:?}", begin.elapsed());
    let begin = Instant::now();
    let again = open(folder.path(), configured(&servers));
    println!(
        "ten thousand tools are read at the start: {:?}",
        begin.elapsed()
    );
    let begin = Instant::now();
    let first = again.search(&SearchQuery::new("do thing 7 of 42"));
    println!("the first search: {:?}", begin.elapsed());
    let begin = Instant::now();
    again.search(&SearchQuery::new("do thing 8 of 43"));
    println!("the next search: {:?}", begin.elapsed());
    assert_eq!(first.len(), 10);
    let _: &Tool = &first[0].tool.listed;
}
