//! What clients see, by service: a change of these files is a change of our contract.

use serde_json::{Value, json};
use workspace_tools::{Selection, Service, Toolbox};

#[test]
fn tools_are_what_was_reviewed() {
    for service in Service::ALL {
        let tools: Vec<Value> = Toolbox::new(&Selection::default())
            .tools()
            .iter()
            .filter(|tool| tool.entry.meta.service == *service)
            .map(|tool| {
                let meta = tool.entry.meta;
                let aliases: Vec<&str> = meta.aliases.iter().map(|alias| alias.name).collect();
                json!({
                    "name": meta.name,
                    "title": meta.title,
                    "description": meta.description,
                    "tier": format!("{:?}", meta.tier),
                    "access": format!("{:?}", meta.access),
                    "idempotent": meta.idempotent,
                    "methods": meta.methods,
                    "aliases": aliases,
                    "inputSchema": tool.input_schema,
                    "outputSchema": tool.output_schema,
                })
            })
            .collect();
        insta::assert_json_snapshot!(service.name(), tools);
    }
}

#[test]
fn the_order_is_the_same_every_time() {
    let names = || -> Vec<&str> {
        Toolbox::new(&Selection::default())
            .tools()
            .iter()
            .map(|tool| tool.entry.meta.name)
            .collect()
    };
    assert_eq!(names(), names());
}
