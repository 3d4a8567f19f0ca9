//! `core-agent import`: takes over the servers other programs are configured with.
//!
//! Invariant: without `--write` nothing is written, and no secret is printed either way.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Common, Printer};
use crate::{
    config::LoadOptions,
    import::{Action, Client, ForeignFile, Import as Planned, Places, plan, write},
};

/// Take over the servers other programs are configured with.
///
/// Shows what would change in core-agent.toml; nothing is written without --write. Secrets that
/// are written out become references to environment variables.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// claude-desktop, claude-code, vscode, cursor, windsurf, zed, codex, or a file; all of the
    /// programs when absent.
    #[arg(long, value_name = "PROGRAM|FILE")]
    from: Vec<String>,
    /// Write the file; the old one is kept beside it.
    #[arg(long)]
    write: bool,
    /// Also put the secrets into the .env beside the file, for this user alone.
    #[arg(long, requires = "write")]
    keep_secrets: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(super) fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let options = LoadOptions::of_process()?.with(common);
        let places = Places {
            home: options.home(),
            config: options.env.get("XDG_CONFIG_HOME").map(PathBuf::from),
            appdata: options.env.get("APPDATA").map(PathBuf::from),
            folder: options.folder.clone(),
        };
        let files = self.files(&places)?;
        if files.is_empty() {
            Printer.problem(
                "no program with servers was found: name a file with --from, or write \
                 [servers.NAME] into core-agent.toml",
            );
            return Ok(ExitCode::FAILURE);
        }
        let target = target(&options)?;
        let planned = plan(&files, &target)?;
        let kept = if self.write && planned.changes() {
            write(&planned, self.keep_secrets)?
        } else {
            None
        };
        if self.json {
            self.print_json(&planned, &files);
        } else {
            self.print(&planned, &files, kept.as_deref());
        }
        Ok(ExitCode::SUCCESS)
    }

    fn files(&self, places: &Places) -> anyhow::Result<Vec<ForeignFile>> {
        if self.from.is_empty() {
            let all = Client::ALL.iter().flat_map(|client| client.files(places));
            return Ok(all.collect());
        }
        let mut files = Vec::new();
        for from in &self.from {
            if let Ok(client) = Client::from_str(from, true) {
                let found = client.files(places);
                if found.is_empty() {
                    Printer.problem(&format!("{} has no servers configured here", client.name()));
                }
                files.extend(found);
            } else {
                let path = places.folder.join(from);
                anyhow::ensure!(
                    path.is_file(),
                    "{from} is neither a program nor a file: use {}, or the path of a file",
                    Client::ALL
                        .iter()
                        .filter_map(|client| Some(
                            client.to_possible_value()?.get_name().to_owned()
                        ))
                        .collect::<Vec<_>>()
                        .join(", ")
                );
                files.push(ForeignFile::named(&path));
            }
        }
        Ok(files)
    }

    fn print(&self, planned: &Planned, files: &[ForeignFile], kept: Option<&Path>) {
        for note in &planned.notes {
            Printer.problem(&note.to_string());
        }
        let diff = planned.diff();
        if !diff.is_empty() {
            Printer.line(diff.trim_end());
            Printer.line("");
        }
        for file in files {
            Printer.line(&format!("{}: {}", file.program, file.path.display()));
            for taken in planned
                .servers
                .iter()
                .filter(|taken| taken.file == file.path)
            {
                Printer.line(&match &taken.action {
                    Action::Added => format!("  {}", taken.name),
                    Action::Renamed { was } => {
                        format!("  {}, which is another server than {was}", taken.name)
                    }
                    Action::Unchanged => format!("  {}, there already", taken.name),
                });
            }
        }
        if !planned.wanted.is_empty() {
            Printer.line("");
            Printer.line(&if self.keep_secrets {
                let env = planned.target.with_file_name(".env");
                format!(
                    "Secrets were written out; they are in {} now:",
                    env.display()
                )
            } else {
                "Secrets are written out; set these variables to them:".to_owned()
            });
            for wanted in &planned.wanted {
                Printer.line(&format!(
                    "  {} for {}, as in {}",
                    wanted.variable,
                    wanted.servers.join(", "),
                    wanted.written
                ));
            }
        }
        Printer.line("");
        Printer.line(&match (planned.changes(), self.write, kept) {
            (false, ..) => "Nothing to change.".to_owned(),
            (true, false, _) => format!(
                "Nothing is written yet: core-agent import --write changes {}.",
                planned.target.display()
            ),
            (true, true, Some(kept)) => format!(
                "Written to {}; the old file is {}.",
                planned.target.display(),
                kept.display()
            ),
            (true, true, None) => format!("Written to {}.", planned.target.display()),
        });
    }

    fn print_json(&self, planned: &Planned, files: &[ForeignFile]) {
        let files: Vec<_> = files
            .iter()
            .map(|file| json!({ "program": file.program, "path": file.path }))
            .collect();
        let report = json!({
            "target": planned.target,
            "changes": planned.changes(),
            "written": self.write && planned.changes(),
            "files": files,
            "servers": planned.servers,
            "variables": planned.wanted,
            "notes": planned.notes,
            "diff": planned.diff(),
        });
        Printer.line(&format!("{report:#}"));
    }
}

/// The file servers are added to: the one named, or the user's own.
fn target(options: &LoadOptions) -> anyhow::Result<PathBuf> {
    if let Some(named) = &options.config {
        return Ok(options.folder.join(named));
    }
    let user = options.user_folder().ok_or_else(|| {
        anyhow::anyhow!("there is no home folder: name the file to write with --config")
    })?;
    let here = options.folder.join("core-agent.toml");
    if here.is_file() && user != options.folder {
        Printer.problem(&format!(
            "{} counts before the file that is written: add to it with --config core-agent.toml",
            here.display()
        ));
    }
    Ok(user.join("core-agent.toml"))
}
