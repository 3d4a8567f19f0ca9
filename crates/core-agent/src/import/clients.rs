//! The programs servers are taken over from, and where they keep them.
//!
//! Invariant: folders are arguments, so a test needs no home.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

/// A program that has servers configured.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, ValueEnum)]
pub enum Client {
    /// Claude Desktop.
    ClaudeDesktop,
    /// Claude Code.
    ClaudeCode,
    /// Visual Studio Code.
    Vscode,
    /// Cursor.
    Cursor,
    /// Windsurf.
    Windsurf,
    /// Zed.
    Zed,
    /// Codex.
    Codex,
}

/// Where programs keep what they keep.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The home folder.
    pub home: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME`, when it is not `.config` at home.
    pub config: Option<PathBuf>,
    /// `%APPDATA%` on Windows.
    pub appdata: Option<PathBuf>,
    /// The working folder.
    pub folder: PathBuf,
}

/// A file of another program.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ForeignFile {
    /// The program, in words.
    pub program: String,
    /// The file.
    pub path: PathBuf,
}

impl Client {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ClaudeDesktop,
        Self::ClaudeCode,
        Self::Vscode,
        Self::Cursor,
        Self::Windsurf,
        Self::Zed,
        Self::Codex,
    ];

    /// The name people know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClaudeDesktop => "Claude Desktop",
            Self::ClaudeCode => "Claude Code",
            Self::Vscode => "VS Code",
            Self::Cursor => "Cursor",
            Self::Windsurf => "Windsurf",
            Self::Zed => "Zed",
            Self::Codex => "Codex",
        }
    }

    /// Its files that are there.
    pub fn files(self, places: &Places) -> Vec<ForeignFile> {
        let mut found: Vec<ForeignFile> = Vec::new();
        for path in self.candidates(places) {
            let new = found.iter().all(|file| file.path != path);
            if new && path.is_file() {
                found.push(ForeignFile {
                    program: self.name().to_owned(),
                    path,
                });
            }
        }
        found
    }

    /// Where its files may be, on any system.
    fn candidates(self, places: &Places) -> Vec<PathBuf> {
        let home = |path: &str| places.home.as_ref().map(|home| home.join(path));
        let here = |path: &str| Some(places.folder.join(path));
        let application = |path: &str| {
            [
                home(&format!("Library/Application Support/{path}")),
                places.config.as_ref().map(|folder| folder.join(path)),
                home(&format!(".config/{path}")),
                places.appdata.as_ref().map(|folder| folder.join(path)),
                home(&format!("AppData/Roaming/{path}")),
            ]
        };
        let all: Vec<Option<PathBuf>> = match self {
            Self::ClaudeDesktop => application("Claude/claude_desktop_config.json").into(),
            Self::ClaudeCode => vec![home(".claude.json"), here(".mcp.json")],
            Self::Vscode => [
                application("Code/User/mcp.json"),
                application("Code/User/settings.json"),
            ]
            .concat()
            .into_iter()
            .chain([here(".vscode/mcp.json")])
            .collect(),
            Self::Cursor => vec![home(".cursor/mcp.json"), here(".cursor/mcp.json")],
            Self::Windsurf => vec![home(".codeium/windsurf/mcp_config.json")],
            Self::Zed => [
                application("zed/settings.json"),
                application("Zed/settings.json"),
            ]
            .concat(),
            Self::Codex => vec![home(".codex/config.toml")],
        };
        all.into_iter().flatten().collect()
    }
}

impl ForeignFile {
    /// A file somebody named.
    pub fn named(path: &Path) -> Self {
        Self {
            program: path.file_name().map_or_else(
                || path.display().to_string(),
                |name| name.to_string_lossy().into_owned(),
            ),
            path: path.to_owned(),
        }
    }

    /// The project's folder it belongs to, when it lies in one: what editors call the workspace.
    pub(super) fn project(&self) -> Option<&Path> {
        let folder = self.path.parent()?;
        let inner = folder.file_name()?.to_str()?;
        match inner {
            ".vscode" | ".cursor" => folder.parent(),
            _ if self.path.file_name()? == ".mcp.json" => Some(folder),
            _ => None,
        }
    }
}
