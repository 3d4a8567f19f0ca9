//! `files.list`.

use serde_json::{Value, json};

use super::{invalid, only, viewer};
use crate::{
    call::{Call, Reply},
    drive::{
        file::{File, Grantee, Role},
        order::Order,
        query::{self, Candidate, Expression, FullText},
        render,
        state::{State, Viewer, covers},
    },
    error::ApiError,
};

/// Which files a list is taken from.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Corpus {
    User,
    Domain,
    Drive(String),
    AllDrives,
}

pub(in super::super) fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let viewer = viewer(call);
    let corpus = corpus(call)?;
    let expression = match call.text("q").map(str::trim) {
        None | Some("") => None,
        Some(text) => Some(query::parse(text).map_err(|_| invalid("q"))?),
    };
    let order = order(call, expression.as_ref())?;
    let spaces = call.text("spaces").unwrap_or("drive");
    let state = &call.world.drive;
    if let Corpus::Drive(id) = &corpus {
        let known = state.drives.contains_key(id)
            && state
                .files
                .get(id)
                .is_some_and(|folder| state.role(folder, &viewer).is_some());
        if !known {
            return Err(ApiError::not_found(format!("Shared drive not found: {id}"))
                .at_parameter("driveId"));
        }
    }
    for folder in expression.iter().flat_map(query::folders) {
        let anywhere = Viewer {
            all_drives: true,
            only_client: None,
            ..viewer.clone()
        };
        // Drive leaves the id out of this message.
        state
            .visible(folder, &anywhere)
            .map_err(|_| crate::drive::state::no_such_file(""))?;
    }
    let mut found: Vec<&File> = state
        .files
        .values()
        .filter(|file| {
            spaces.split(',').any(|space| space.trim() == "drive") && !is_root(state, file)
        })
        .filter(|file| in_corpus(state, file, &corpus, call, &viewer))
        .filter(|file| {
            expression.as_ref().is_none_or(|expression| {
                let full_text = Words { file };
                let candidate = candidate(state, file, &viewer, &full_text);
                query::matches(expression, &candidate)
            })
        })
        .collect();
    found.sort_by(|one, other| order.compare(one, other, &viewer));
    let size = call.page_size("pageSize", 100, 1000);
    let (page, next) = call.page(found, size)?;
    let whole = call.text("fields").is_some();
    let files: Vec<Value> = page
        .into_iter()
        .map(|file| {
            let value = render::file(call.world, file, &viewer);
            if whole {
                value
            } else {
                only(&value, render::DEFAULT_FIELDS)
            }
        })
        .collect();
    let mut answer = json!({
        "kind": "drive#fileList",
        "incompleteSearch": false,
        "files": files,
    });
    if let Some(next) = next {
        answer["nextPageToken"] = json!(next);
    }
    Ok(Reply::json(answer))
}

fn corpus(call: &Call<'_>) -> Result<Corpus, ApiError> {
    let drive_id = call.text("driveId").filter(|id| !id.is_empty());
    let with_drives = call.flag("includeItemsFromAllDrives") || call.flag("includeTeamDriveItems");
    let supports = call.flag("supportsAllDrives") || call.flag("supportsTeamDrives");
    let corpus = match (call.text("corpora"), drive_id) {
        (None | Some("user"), None) => Corpus::User,
        (Some("domain"), None) => Corpus::Domain,
        (Some("allDrives"), None) => Corpus::AllDrives,
        (Some("drive"), Some(id)) => Corpus::Drive(id.to_owned()),
        (Some("drive"), None) | (_, Some(_)) => {
            return Err(ApiError::new(
                400,
                "invalid",
                "The driveId parameter must be specified if and only if corpora is set to drive.",
            )
            .at_parameter("driveId"));
        }
        _ => return Err(invalid("corpora")),
    };
    if matches!(corpus, Corpus::Drive(_) | Corpus::AllDrives) && !(with_drives && supports) {
        return Err(ApiError::forbidden(
            "teamDrivesParameterRequired",
            "The includeItemsFromAllDrives and supportsAllDrives parameters must be set to true \
             for this value of corpora.",
        )
        .at_parameter("includeItemsFromAllDrives"));
    }
    Ok(corpus)
}

fn order(call: &Call<'_>, expression: Option<&Expression>) -> Result<Order, ApiError> {
    let full_text = expression.is_some_and(query::asks_full_text);
    match call.text("orderBy").filter(|order| !order.is_empty()) {
        Some(_) if full_text => Err(ApiError::forbidden(
            "forbidden",
            "Sorting is not supported for queries with fullText terms. \
             Results are always in descending relevance order.",
        )
        .at_parameter("orderBy")),
        Some(order) => Order::parse(order),
        None => Order::parse("recency desc"),
    }
}

/// Root folders and the folders that stand for shared drives are never listed.
fn is_root(state: &State, file: &File) -> bool {
    state.drives.contains_key(&file.id) || state.roots.values().any(|id| *id == file.id)
}

fn in_corpus(
    state: &State,
    file: &File,
    corpus: &Corpus,
    call: &Call<'_>,
    viewer: &Viewer,
) -> bool {
    let with_drives = call.flag("includeItemsFromAllDrives") || call.flag("includeTeamDriveItems");
    if file.drive_id.is_some() && !with_drives {
        return false;
    }
    match corpus {
        Corpus::User | Corpus::AllDrives => state.is_listed(file, viewer),
        Corpus::Drive(id) => {
            file.drive_id.as_ref() == Some(id) && state.role(file, viewer).is_some()
        }
        Corpus::Domain => {
            state.is_listed(file, viewer)
                || state.roles(file, viewer.now).any(|(_, permission)| {
                    matches!(
                        permission.grantee,
                        Grantee::Domain {
                            discoverable: true,
                            ..
                        }
                    ) && covers(&permission.grantee, &viewer.email)
                })
        }
    }
}

fn candidate<'a>(
    state: &'a State,
    file: &'a File,
    viewer: &'a Viewer,
    full_text: &'a dyn FullText,
) -> Candidate<'a> {
    let with_role = |wanted: fn(Role) -> bool| {
        state
            .roles(file, viewer.now)
            .filter(|(_, permission)| wanted(permission.role))
            .filter_map(|(_, permission)| match &permission.grantee {
                Grantee::User(address) | Grantee::Group(address) => Some(address.as_str()),
                Grantee::Domain { .. } | Grantee::Anyone { .. } => None,
            })
            .collect::<Vec<_>>()
    };
    let mut parents: Vec<&str> = render::visible_parent(state, file, viewer)
        .into_iter()
        .collect();
    if parents.contains(&state.root(&viewer.email)) {
        parents.push("root");
    }
    let view = file.view(&viewer.email);
    Candidate {
        me: &viewer.email,
        name: &file.name,
        mime_type: &file.mime_type,
        full_text,
        modified: file.modified,
        created: file.created,
        viewed_by_me: view.and_then(|view| view.viewed),
        shared_with_me: render::shared_with(file, viewer).map(|permission| permission.granted),
        trashed: state.is_trashed(file),
        starred: view.is_some_and(|view| view.starred),
        parents,
        owners: file.owner().into_iter().collect(),
        writers: with_role(|role| role >= Role::Writer),
        readers: with_role(|_| true),
        properties: &file.properties,
        app_properties: &file.app_properties,
        visibility: render::visibility(state, file, viewer.now),
        shortcut_target: file.shortcut_target.as_deref(),
    }
}

/// How many bytes of a text file are indexed.
const INDEXED: usize = 64 << 10;

/// What Drive indexes of a file.
#[derive(Debug)]
struct Words<'a> {
    file: &'a File,
}

impl FullText for Words<'_> {
    fn text(&self) -> String {
        let file = self.file;
        let content = match (file.native(), file.bytes()) {
            (Some(native), _) => native.plain_text(),
            (None, Some(bytes)) if file.mime_type.starts_with("text/") => {
                // Google, too, indexes only the beginning of a long text.
                let beginning = bytes.get(..bytes.len().min(INDEXED)).unwrap_or_default();
                String::from_utf8_lossy(beginning).into_owned()
            }
            _ => file.indexed.clone().unwrap_or_default(),
        };
        let description = file.description.as_deref().unwrap_or_default();
        format!("{}\n{description}\n{content}", file.name)
    }
}
