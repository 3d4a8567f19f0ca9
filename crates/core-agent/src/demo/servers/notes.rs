//! Notes in a file.
//!
//! Invariant: the file is replaced as a whole, so that a killed server leaves it as it was.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Outcome, Small, text};

/// The most notes there may be.
const MOST: usize = 1_000;

/// Keeps notes.
pub(super) struct Notes {
    file: PathBuf,
    turn: Mutex<()>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Note {
    title: String,
    text: String,
}

impl Notes {
    pub(super) fn open(folder: &Path) -> Self {
        Self {
            file: folder.join("notes.json"),
            turn: Mutex::new(()),
        }
    }

    fn read(&self) -> Result<Vec<Note>, String> {
        match fs::read(&self.file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| format!("the file of notes is damaged: {error}")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(format!("the notes cannot be read: {error}")),
        }
    }

    fn write(&self, notes: &[Note]) -> Result<(), String> {
        let part = self.file.with_extension("part");
        let bytes = serde_json::to_vec_pretty(notes).expect("notes are plain text");
        fs::write(&part, bytes)
            .and_then(|()| fs::rename(&part, &self.file))
            .map_err(|error| format!("the notes cannot be written: {error}"))
    }

    fn add(&self, title: &str, text: &str) -> Outcome {
        let mut notes = self.read()?;
        if notes.iter().any(|note| note.title == title) {
            return Err(format!(
                "there is a note called {title} already; delete it first or choose another title"
            ));
        }
        if notes.len() == MOST {
            return Err(format!("there are {MOST} notes already; delete some"));
        }
        notes.push(Note {
            title: title.to_owned(),
            text: text.to_owned(),
        });
        self.write(&notes)?;
        let said = format!("Noted: {title} ({} notes now)", notes.len());
        Ok((json!({"title": title, "count": notes.len()}), said))
    }

    fn delete(&self, title: &str) -> Outcome {
        let mut notes = self.read()?;
        let before = notes.len();
        notes.retain(|note| note.title != title);
        if notes.len() == before {
            return Err(format!(
                "there is no note called {title}; list_notes tells which there are"
            ));
        }
        self.write(&notes)?;
        let said = format!("Deleted: {title} ({} notes left)", notes.len());
        Ok((json!({"title": title, "count": notes.len()}), said))
    }
}

impl Small for Notes {
    fn instructions(&self) -> &'static str {
        "Keeps short notes by title."
    }

    fn tools(&self) -> Vec<Value> {
        let title = json!({"type": "string", "minLength": 1, "maxLength": 200});
        let notes = json!({
            "type": "object",
            "properties": {"notes": {"type": "array", "items": {
                "type": "object",
                "properties": {"title": {"type": "string"}, "text": {"type": "string"}},
                "required": ["title", "text"],
            }}},
            "required": ["notes"],
        });
        let changed = json!({
            "type": "object",
            "properties": {"title": {"type": "string"}, "count": {"type": "integer"}},
            "required": ["title", "count"],
        });
        vec![
            json!({
                "name": "add_note",
                "description": "Add a note under a title, to remember something for later.",
                "inputSchema": {
                    "type": "object",
                    "properties": {
                        "title": title, "text": {"type": "string", "maxLength": 20_000},
                    },
                    "required": ["title", "text"],
                },
                "outputSchema": changed,
                "annotations": {
                    "title": "Add a note", "readOnlyHint": false, "destructiveHint": false,
                    "idempotentHint": false, "openWorldHint": false,
                },
            }),
            json!({
                "name": "list_notes",
                "description": "List all notes with their texts.",
                "inputSchema": {"type": "object", "properties": {}},
                "outputSchema": notes,
                "annotations": {
                    "title": "List notes", "readOnlyHint": true, "openWorldHint": false,
                },
            }),
            json!({
                "name": "search_notes",
                "description": "Find the notes that contain all of some words.",
                "inputSchema": {
                    "type": "object",
                    "properties": {"words": {"type": "string", "minLength": 1}},
                    "required": ["words"],
                },
                "outputSchema": notes,
                "annotations": {
                    "title": "Search notes", "readOnlyHint": true, "openWorldHint": false,
                },
            }),
            json!({
                "name": "delete_note",
                "description": "Delete a note for good.",
                "inputSchema": {
                    "type": "object", "properties": {"title": title}, "required": ["title"],
                },
                "outputSchema": changed,
                "annotations": {
                    "title": "Delete a note", "readOnlyHint": false, "destructiveHint": true,
                    "openWorldHint": false,
                },
            }),
        ]
    }

    fn run(&self, tool: &str, arguments: &Map<String, Value>) -> Option<Outcome> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        Some(match tool {
            "add_note" => self.add(text(arguments, "title"), text(arguments, "text")),
            "delete_note" => self.delete(text(arguments, "title")),
            "list_notes" => self.read().map(|notes| told(&notes)),
            "search_notes" => self.read().map(|mut notes| {
                let words = text(arguments, "words").to_lowercase();
                notes.retain(|note| {
                    let whole = format!("{} {}", note.title, note.text).to_lowercase();
                    words.split_whitespace().all(|word| whole.contains(word))
                });
                told(&notes)
            }),
            _ => return None,
        })
    }
}

fn told(notes: &[Note]) -> (Value, String) {
    let lines: Vec<String> = notes
        .iter()
        .map(|note| format!("{}: {}", note.title, note.text))
        .collect();
    let said = if lines.is_empty() {
        "no notes".to_owned()
    } else {
        lines.join("\n")
    };
    (json!({"notes": notes}), said)
}
