//! A call in the words policies use.
//!
//! Invariant: every argument is there, or the policies are not asked: what a policy cannot see it
//! cannot forbid.

use std::collections::HashSet;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use serde_json::{Map, Value};

use crate::{
    Actor,
    catalogue::{Access, HubTool},
};

/// Places in the arguments.
const MOST_PLACES: usize = 10_000;

/// What is asked about a call.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who calls.
    pub actor: &'a Actor,
    /// The tool.
    pub tool: &'a HubTool,
    /// Whether its server is trusted.
    pub trusted: bool,
    /// The arguments.
    pub arguments: &'a Map<String, Value>,
    /// The run it belongs to.
    pub run: Option<&'a str>,
}

impl Asked<'_> {
    /// What a decision depends on when no policy looks at the context.
    pub(super) fn key(&self) -> String {
        format!(
            "{}\n{}\n{}\n{}\n{}\n{}\n{:?}\n{}\n{:?}",
            self.actor.name,
            self.actor.speaks_for_person,
            self.tool.name(),
            self.tool.server,
            self.tool.fingerprint,
            self.trusted,
            self.tool.access,
            self.tool.idempotent,
            self.tool.categories,
        )
    }
}

/// The request and the entities.
pub(super) fn facts(asked: &Asked<'_>, action: &str) -> Result<(Request, Entities), String> {
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let said = |why: &dyn std::fmt::Display| why.to_string();
    let tool = asked.tool;
    let principal = uid("Caller", &asked.actor.name);
    let resource = uid("Tool", tool.name());
    let server = uid("Server", tool.server.as_str());
    let categories: Vec<&str> = tool.categories.iter().map(|one| one.name()).collect();

    let caller = Entity::new(
        principal.clone(),
        [
            ("name".to_owned(), text(&asked.actor.name)),
            (
                "local".to_owned(),
                RestrictedExpression::new_bool(
                    asked.actor.principal == mcp_service::Principal::local(),
                ),
            ),
            (
                "speaks_for_person".to_owned(),
                RestrictedExpression::new_bool(asked.actor.speaks_for_person),
            ),
        ]
        .into(),
        HashSet::new(),
    )
    .map_err(|why| said(&why))?;
    let parents: HashSet<EntityUid> = categories
        .iter()
        .map(|name| uid("Category", name))
        .chain([server.clone()])
        .collect();
    let tool = Entity::new(
        resource.clone(),
        [
            ("server".to_owned(), text(tool.server.as_str())),
            ("name".to_owned(), text(tool.name())),
            ("original".to_owned(), text(&tool.original.name)),
            ("access".to_owned(), text(access(tool.access))),
            (
                "categories".to_owned(),
                RestrictedExpression::new_set(categories.iter().map(|name| text(name))),
            ),
            (
                "trusted".to_owned(),
                RestrictedExpression::new_bool(asked.trusted),
            ),
            (
                "idempotent".to_owned(),
                RestrictedExpression::new_bool(tool.idempotent),
            ),
        ]
        .into(),
        parents.clone(),
    )
    .map_err(|why| said(&why))?;

    let places = Places::of(asked.arguments)?;
    let tagged = |kind: &str, tags: Vec<(String, RestrictedExpression)>| {
        Entity::new_with_tags(uid(kind, "arguments"), [], [], tags).map_err(|why| why.to_string())
    };
    let mut context = vec![
        ("texts".to_owned(), reference("Texts")),
        ("numbers".to_owned(), reference("Numbers")),
        ("flags".to_owned(), reference("Flags")),
        (
            "names".to_owned(),
            RestrictedExpression::new_set(asked.arguments.keys().map(|name| text(name))),
        ),
    ];
    let user = &asked.actor.user;
    let optional = [
        ("user_email", user.email.as_deref()),
        ("user_id", user.id.as_deref()),
        ("run", asked.run),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            context.push((name.to_owned(), text(value)));
        }
    }
    let mut entities = vec![
        caller,
        tool,
        tagged("Texts", places.texts)?,
        tagged("Numbers", places.numbers)?,
        tagged("Flags", places.flags)?,
    ];
    entities.extend(
        parents
            .into_iter()
            .map(|parent| Entity::new_no_attrs(parent, HashSet::new())),
    );
    // Built here from what is known, so it is not compared with the schema again: a test does.
    let entities = Entities::from_entities(entities, None).map_err(|why| said(&why))?;
    let context = Context::from_pairs(context).map_err(|why| said(&why))?;
    let request = Request::new(principal, uid("Action", action), resource, context, None)
        .map_err(|why| said(&why))?;
    Ok((request, entities))
}

/// The arguments by their place.
#[derive(Default)]
struct Places {
    texts: Vec<(String, RestrictedExpression)>,
    numbers: Vec<(String, RestrictedExpression)>,
    flags: Vec<(String, RestrictedExpression)>,
}

impl Places {
    fn of(arguments: &Map<String, Value>) -> Result<Self, String> {
        let mut places = Self::default();
        let mut met = 0_usize;
        let mut open: Vec<(String, &Value)> = arguments
            .iter()
            .map(|(name, value)| (name.clone(), value))
            .collect();
        while let Some((place, value)) = open.pop() {
            met += 1;
            if met > MOST_PLACES {
                return Err(format!("the arguments have more than {MOST_PLACES} values"));
            }
            match value {
                Value::String(text) => places
                    .texts
                    .push((place, RestrictedExpression::new_string(text.clone()))),
                Value::Bool(flag) => places
                    .flags
                    .push((place, RestrictedExpression::new_bool(*flag))),
                Value::Number(number) => places
                    .numbers
                    .push((place, RestrictedExpression::new_long(rounded_up(number)))),
                Value::Array(list) => open.extend(
                    list.iter()
                        .enumerate()
                        .map(|(at, value)| (format!("{place}/{at}"), value)),
                ),
                Value::Object(map) => open.extend(
                    map.iter()
                        .map(|(name, value)| (format!("{place}/{name}"), value)),
                ),
                Value::Null => {}
            }
        }
        // Two places of one name ("a/b" as a name, and "b" in "a") would hide one another.
        for tags in [&mut places.texts, &mut places.numbers, &mut places.flags] {
            tags.sort_by(|one, other| one.0.cmp(&other.0));
            if tags.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                return Err("two arguments have the same place".into());
            }
        }
        Ok(places)
    }
}

fn rounded_up(number: &serde_json::Number) -> i64 {
    if let Some(whole) = number.as_i64() {
        return whole;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast stops at the ends"
    )]
    let rounded = number
        .as_f64()
        .map_or(i64::MAX, |float| float.ceil() as i64);
    rounded
}

fn reference(kind: &str) -> RestrictedExpression {
    RestrictedExpression::new_entity_uid(uid(kind, "arguments"))
}

fn uid(kind: &str, id: &str) -> EntityUid {
    let kind: EntityTypeName = kind.parse().expect("our names of types are identifiers");
    EntityUid::from_type_name_and_id(kind, EntityId::new(id))
}

/// The word for an access.
pub(super) fn access(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Destructive => "destructive",
    }
}
