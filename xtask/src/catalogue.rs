//! Rewrites `crates/google-discovery/catalogue/` from Google's discovery documents.
//!
//! Not run by a build: its result is committed. The documents come inside a pinned PyPI package,
//! are reduced to facts (no prose) and packed in the form that `google-discovery/src/packed.rs`
//! describes. Invariant: the same package gives the same bytes.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{Cursor, Read as _, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail, ensure};
use flate2::{Compression, GzBuilder};
use serde_json::{Map, Value};

/// The package the documents come from.
const PACKAGE: &str = "google-api-python-client==2.202.0";
const WHEEL: &str = "google_api_python_client-2.202.0-py3-none-any.whl";
const SHA256: &str = "aaa90064c9bb642ff1d065b22ca8958a2cb6e345909cefe70d0e5452fc50e08b";
const DOCUMENTS: &str = "googleapiclient/discovery_cache/documents";

/// Our name of an API and Google's document about it, in the order of `google-discovery`.
const APIS: &[(&str, &str)] = &[
    ("gmail", "gmail.v1"),
    ("drive", "drive.v3"),
    ("calendar", "calendar.v3"),
    ("docs", "docs.v1"),
    ("sheets", "sheets.v4"),
    ("slides", "slides.v1"),
    ("forms", "forms.v1"),
    ("tasks", "tasks.v1"),
    ("chat", "chat.v1"),
    ("customsearch", "customsearch.v1"),
    ("people", "people.v1"),
    ("script", "script.v1"),
    ("meet", "meet.v2"),
    ("keep", "keep.v1"),
    ("classroom", "classroom.v1"),
    ("driveactivity", "driveactivity.v2"),
    ("drivelabels", "drivelabels.v2"),
    ("directory", "admin.directory_v1"),
    ("reports", "admin.reports_v1"),
    ("groupssettings", "groupssettings.v1"),
    ("cloudidentity", "cloudidentity.v1"),
    ("licensing", "licensing.v1"),
    ("vault", "vault.v1"),
    ("alertcenter", "alertcenter.v1beta1"),
    ("workspaceevents", "workspaceevents.v1"),
    ("gmailpostmastertools", "gmailpostmastertools.v2"),
    ("oauth2", "oauth2.v2"),
];

/// Fields whose prose demands more than Google does: a form is created from its title alone, and a
/// label from its name.
const NOT_DEMANDED: &[(&str, &str)] = &[
    ("forms", "Form.items"),
    ("gmail", "Label.labelListVisibility"),
    ("gmail", "Label.messageListVisibility"),
];

/// Fetch Google's descriptions of its APIs and rewrite the embedded catalogue.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A wheel that is already here, instead of fetching it.
    #[arg(long)]
    wheel: Option<PathBuf>,
    /// Only compare: fail when the committed catalogue differs.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments, root: &Path) -> anyhow::Result<()> {
    let wheel = match &arguments.wheel {
        Some(path) => path.clone(),
        None => download(root)?,
    };
    verify(&wheel)?;
    let bytes = fs::read(&wheel).with_context(|| format!("cannot read {}", wheel.display()))?;
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).context("the wheel is no zip")?;
    let mut index = String::new();
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, document) in APIS {
        let mut json = String::new();
        archive
            .by_name(&format!("{DOCUMENTS}/{document}.json"))
            .with_context(|| format!("the wheel holds no {document}"))?
            .read_to_string(&mut json)?;
        let document: Value = serde_json::from_str(&json)?;
        let text = Reducer::new(name, &document).reduce()?;
        let methods = text.lines().filter(|line| line.starts_with("M\t")).count();
        writeln!(
            index,
            "{name}\t{}\t{}\t{methods}\t{}\t{}",
            cell(&document, "version")?,
            cell(&document, "revision")?,
            cell(&document, "rootUrl")?,
            cell(&document, "servicePath")?,
        )?;
        files.push((format!("{name}.gz"), packed(&text)?));
    }
    files.push(("index.tsv".to_owned(), index.into_bytes()));
    put(
        &root.join("crates/google-discovery/catalogue"),
        &files,
        arguments.check,
    )
}

fn download(root: &Path) -> anyhow::Result<PathBuf> {
    let folder = root.join("target/catalogue");
    let wheel = folder.join(WHEEL);
    if !wheel.exists() {
        let status = Command::new("python3")
            .args([
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--no-binary",
                ":none:",
                "-d",
            ])
            .arg(&folder)
            .arg(PACKAGE)
            .status()
            .context("python3 with pip is needed to fetch the package")?;
        ensure!(status.success(), "pip could not fetch {PACKAGE}");
    }
    Ok(wheel)
}

fn verify(wheel: &Path) -> anyhow::Result<()> {
    // The tool that fetched the package also hashes it, which spares a dependency.
    let output = Command::new("python3")
        .args(["-m", "pip", "hash", "--algorithm", "sha256"])
        .arg(wheel)
        .output()
        .context("python3 with pip is needed to check the package")?;
    let printed = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success() && printed.contains(&format!("sha256:{SHA256}")),
        "{} is not the pinned package: expected sha256 {SHA256}",
        wheel.display()
    );
    Ok(())
}

fn put(folder: &Path, files: &[(String, Vec<u8>)], check: bool) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let mut total = 0;
    for (name, bytes) in files {
        total += bytes.len();
        let path = folder.join(name);
        if fs::read(&path).is_ok_and(|old| old == *bytes) {
            continue;
        }
        if check {
            bail!(
                "{} is not what the package gives; run cargo xtask catalogue",
                path.display()
            );
        }
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!(
        "{} files, {total} bytes in {}",
        files.len(),
        folder.display()
    );
    Ok(())
}

fn packed(text: &str) -> anyhow::Result<Vec<u8>> {
    // No file name and no time in the header, so that equal text gives equal bytes.
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes())?;
    Ok(encoder.finish()?)
}

/// Turns one document into lines.
struct Reducer<'a> {
    name: &'a str,
    document: &'a Value,
    scopes: Vec<&'a str>,
    methods: BTreeMap<String, &'a Value>,
    /// Schemas by name; inline objects join under made-up names while the others are written.
    schemas: BTreeMap<String, &'a Value>,
}

impl<'a> Reducer<'a> {
    fn new(name: &'a str, document: &'a Value) -> Self {
        let mut methods = BTreeMap::new();
        collect_methods(name, document, &mut methods);
        let schemas = entries(document, "schemas")
            .map(|(key, one)| (key.clone(), one))
            .collect();
        let mut scopes: Vec<&str> = methods
            .values()
            .flat_map(|one| texts(one, "scopes"))
            .collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self {
            name,
            document,
            scopes,
            methods,
            schemas,
        }
    }

    fn reduce(mut self) -> anyhow::Result<String> {
        let mut out = Lines::default();
        out.line(&[
            "A",
            self.name,
            cell(self.document, "version")?,
            cell(self.document, "revision")?,
            cell(self.document, "rootUrl")?,
            cell(self.document, "servicePath")?,
            cell(self.document, "batchPath")?,
        ])?;
        for scope in &self.scopes {
            match scope.strip_prefix("https://www.googleapis.com/auth/") {
                Some(short) => out.line(&["S", &format!("~{short}")])?,
                None => out.line(&["S", scope])?,
            }
        }
        for (id, method) in &self.methods {
            self.method(id, method, &mut out)?;
        }
        while let Some((name, schema)) = self.schemas.pop_first() {
            self.schema(&name, schema, &mut out)?;
        }
        Ok(out.0)
    }

    fn method(&self, id: &str, method: &Value, out: &mut Lines) -> anyhow::Result<()> {
        let scopes: Vec<String> = texts(method, "scopes")
            .filter_map(|scope| self.scopes.binary_search(&scope).ok())
            .map(|number| number.to_string())
            .collect();
        let mut flags = String::new();
        if method["supportsMediaDownload"] == true {
            flags.push('d');
        }
        if method["deprecated"] == true {
            flags.push('!');
        }
        out.line(&[
            "M",
            id,
            cell(method, "httpMethod")?,
            cell(method, "path")?,
            method["request"]["$ref"].as_str().unwrap_or(""),
            method["response"]["$ref"].as_str().unwrap_or(""),
            &scopes.join(","),
            &flags,
        ])?;
        if let Some(upload) = method.get("mediaUpload") {
            out.line(&[
                "U",
                upload["maxSize"].as_str().unwrap_or(""),
                cell(&upload["protocols"]["simple"], "path")?,
                upload["protocols"]["resumable"]["path"]
                    .as_str()
                    .unwrap_or(""),
                &texts(upload, "accept").collect::<Vec<_>>().join(","),
            ])?;
        }
        for (name, parameter) in sorted(method, "parameters") {
            parameter_line(name, parameter, out)?;
        }
        Ok(())
    }

    fn schema(&mut self, name: &str, schema: &'a Value, out: &mut Lines) -> anyhow::Result<()> {
        let values = match schema.get("additionalProperties") {
            Some(values) => self.type_cell(values, name)?,
            None => String::new(),
        };
        ensure!(
            schema["type"] == "object",
            "{name} is no object, which this form cannot say"
        );
        out.line(&["T", name, &values])?;
        for (field, description) in sorted(schema, "properties") {
            let place = format!("{name}.{field}");
            let type_cell = self.type_cell(description, &place)?;
            let demanded = !NOT_DEMANDED.contains(&(self.name, place.as_str()));
            let mut flags = String::new();
            let prose = description["description"].as_str().unwrap_or("");
            if description["readOnly"] == true || prose.starts_with("Output only") {
                flags.push('o');
            } else if demanded && says_required(prose) && description.get("annotations").is_none() {
                flags.push('r');
            }
            if description["deprecated"] == true {
                flags.push('!');
            }
            out.line(&[
                "F",
                field,
                &type_cell,
                &flags,
                description["default"].as_str().unwrap_or(""),
                &texts(&description["annotations"], "required")
                    .filter(|_| demanded)
                    .collect::<Vec<_>>()
                    .join(","),
            ])?;
        }
        Ok(())
    }

    /// The type in short form. An inline object becomes a schema named `place`.
    fn type_cell(&mut self, value: &'a Value, place: &str) -> anyhow::Result<String> {
        if let Some(reference) = value["$ref"].as_str() {
            return Ok(format!("@{reference}"));
        }
        Ok(match value["type"].as_str().unwrap_or("any") {
            "array" => format!("[{}", self.type_cell(&value["items"], place)?),
            "object" if value.get("properties").is_some() => {
                let taken = self.schemas.insert(place.to_owned(), value).is_some();
                ensure!(!taken, "two schemas are called {place}");
                format!("@{place}")
            }
            "object" => match value.get("additionalProperties") {
                Some(values) => format!("{{{}", self.type_cell(values, place)?),
                None => "{?".to_owned(),
            },
            _ => simple_type(value)?,
        })
    }
}

/// Numbers the methods by id. One id, `admin.channels.stop`, stands in two documents; the second
/// takes the name of its own API, so that every id means one method.
fn collect_methods<'a>(api: &str, place: &'a Value, into: &mut BTreeMap<String, &'a Value>) {
    for (_, method) in entries(place, "methods") {
        let id = method["id"].as_str().unwrap_or_default();
        let id = if api == "reports" {
            id.replacen("admin.", "reports.", 1)
        } else {
            id.to_owned()
        };
        into.insert(id, method);
    }
    for (_, resource) in entries(place, "resources") {
        collect_methods(api, resource, into);
    }
}

fn parameter_line(name: &str, parameter: &Value, out: &mut Lines) -> anyhow::Result<()> {
    let in_path = parameter["location"] == "path";
    let mut flags = if in_path {
        "p".to_owned()
    } else {
        "q".to_owned()
    };
    for (key, flag) in [("required", 'r'), ("repeated", '*'), ("deprecated", '!')] {
        if parameter[key] == true {
            flags.push(flag);
        }
    }
    let pattern = parameter["pattern"].as_str().filter(|_| in_path);
    out.line(&[
        "P",
        name,
        &simple_type(parameter)?,
        &flags,
        parameter["default"].as_str().unwrap_or(""),
        parameter["minimum"].as_str().unwrap_or(""),
        parameter["maximum"].as_str().unwrap_or(""),
        &pattern.and_then(segments).unwrap_or_default(),
    ])
}

fn simple_type(value: &Value) -> anyhow::Result<String> {
    if value.get("enum").is_some() {
        return Ok(format!(
            "e:{}",
            texts(value, "enum").collect::<Vec<_>>().join("|")
        ));
    }
    let letter = match value["type"].as_str().unwrap_or("any") {
        "any" => return Ok("?".to_owned()),
        "boolean" => return Ok("b".to_owned()),
        "integer" => "i",
        "number" => "n",
        "string" => "s",
        other => bail!("no short form for the type {other}"),
    };
    Ok(match value["format"].as_str() {
        Some("google-datetime") => format!("{letter}:date-time"),
        Some(format) => format!("{letter}:{format}"),
        None => letter.to_owned(),
    })
}

/// `^spaces/[^/]+/messages/.*$` as `spaces/*/messages/**`; none for patterns of other kinds.
fn segments(pattern: &str) -> Option<String> {
    let inner = pattern.strip_prefix('^')?.strip_suffix('$')?;
    let plain = inner.replace("[^/]+", "*").replace(".*", "**");
    plain
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '*' | '_' | '-'))
        .then_some(plain)
}

/// Whether prose states, as a sentence of its own, that a field is required always.
fn says_required(prose: &str) -> bool {
    prose.starts_with("Required. ")
        || prose == "Required."
        || prose.ends_with(" Required.")
        || prose.contains(". Required. ")
}

fn cell<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a str> {
    value[key]
        .as_str()
        .with_context(|| format!("no text under {key}"))
}

fn entries<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value[key].as_object().into_iter().flat_map(Map::iter)
}

fn sorted<'a>(value: &'a Value, key: &str) -> BTreeMap<&'a str, &'a Value> {
    entries(value, key)
        .map(|(name, one)| (name.as_str(), one))
        .collect()
}

fn texts<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    value[key]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    /// Writes cells with tabs between and without empty ones at the end.
    fn line(&mut self, cells: &[&str]) -> anyhow::Result<()> {
        for cell in cells {
            ensure!(
                !cell.contains(['\t', '\n', '\r']),
                "a cell cannot hold {cell:?}"
            );
        }
        self.0.push_str(cells.join("\t").trim_end_matches('\t'));
        self.0.push('\n');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patterns_become_shapes_and_others_nothing() {
        assert_eq!(segments("^spaces/[^/]+$").as_deref(), Some("spaces/*"));
        assert_eq!(
            segments("^operations/.*$").as_deref(),
            Some("operations/**")
        );
        assert_eq!(segments("^.*$").as_deref(), Some("**"));
        assert_eq!(segments("C.+|my_customer"), None);
    }

    #[test]
    fn only_a_sentence_of_its_own_demands() {
        for demands in [
            "Required.",
            "Required. The name.",
            "The port. Required.",
            "A. Required. B.",
        ] {
            assert!(says_required(demands), "{demands}");
        }
        for not in [
            "Required when x.",
            "Required for y.",
            "Required if z.",
            "Not Required.x",
            "",
        ] {
            assert!(!says_required(not), "{not}");
        }
    }

    #[test]
    fn a_document_becomes_lines_without_prose() {
        let document = json!({
            "version": "v1", "revision": "20260101", "rootUrl": "https://x/", "servicePath": "",
            "batchPath": "batch",
            "methods": {"get": {
                "id": "x.get", "httpMethod": "GET", "path": "v1/{+name}", "description": "Prose.",
                "parameters": {"name": {"location": "path", "type": "string", "required": true,
                    "pattern": "^a/[^/]+$", "description": "Prose."}},
                "response": {"$ref": "Thing"},
                "scopes": ["https://www.googleapis.com/auth/y", "https://z/"],
            }},
            "schemas": {"Thing": {"type": "object", "properties": {
                "size": {"type": "string", "format": "int64", "readOnly": true},
                "kind": {"type": "string", "enum": ["A", "B"], "description": "Required. Prose."},
                "in": {"type": "object", "properties": {"t": {"type": "array",
                    "items": {"type": "string", "format": "google-datetime"}}}},
            }}},
        });
        let text = Reducer::new("x", &document)
            .reduce()
            .expect("a whole document");
        let expected = "A\tx\tv1\t20260101\thttps://x/\t\tbatch\n\
            S\t~y\nS\thttps://z/\n\
            M\tx.get\tGET\tv1/{+name}\t\tThing\t0,1\n\
            P\tname\ts\tpr\t\t\t\ta/*\n\
            T\tThing\nF\tin\t@Thing.in\nF\tkind\te:A|B\tr\nF\tsize\ts:int64\to\n\
            T\tThing.in\nF\tt\t[s:date-time\n";
        assert_eq!(text, expected);
    }
}
