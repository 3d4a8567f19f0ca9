//! Reading a file of the machine the server runs on, for uploads and attachments.
//!
//! Only what lies below a configured directory after every link is followed, and only regular
//! files. Invariant: with no directory configured (every remote deployment) nothing is read.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use foundation::Kind;
use tokio::{
    fs::{self, File},
    io::AsyncReadExt,
};

use crate::{LocalFiles, ToolError, file_name};

/// A file that was read.
#[derive(Debug)]
pub(crate) struct LocalFile {
    /// Its name, without its directory.
    pub name: String,
    /// What it holds.
    pub bytes: Bytes,
}

/// A file that is open for reading.
#[derive(Debug)]
pub(crate) struct OpenFile {
    /// Its name, without its directory.
    pub name: String,
    /// How many bytes it has.
    pub length: u64,
    /// Where they come from.
    pub file: File,
}

/// Directories whose "files" are the kernel's, never a person's.
const KERNEL: &[&str] = &["/proc", "/sys", "/dev"];

/// Reads `path`, at most `max_bytes` of it.
pub(crate) async fn read(
    files: &LocalFiles,
    path: &str,
    max_bytes: u64,
) -> Result<LocalFile, ToolError> {
    let open = open(files, path, max_bytes).await?;
    let mut content = Vec::new();
    open.file
        .take(max_bytes)
        .read_to_end(&mut content)
        .await
        .map_err(ToolError::internal)?;
    Ok(LocalFile {
        name: open.name,
        bytes: content.into(),
    })
}

/// Opens `path` if it may be read and has at most `max_bytes`.
pub(crate) async fn open(
    files: &LocalFiles,
    path: &str,
    max_bytes: u64,
) -> Result<OpenFile, ToolError> {
    if files.roots.is_empty() {
        return Err(
            ToolError::new(Kind::Forbidden, "this server does not read local files")
                .hint("give the content itself, in base64"),
        );
    }
    let path = Path::new(path.strip_prefix("file://").unwrap_or(path));
    if !path.is_absolute() {
        return Err(ToolError::input("a local file needs its absolute path"));
    }
    // One answer for "outside" and "absent", so that errors do not map the disk.
    let real = fs::canonicalize(path)
        .await
        .ok()
        .filter(|real| !KERNEL.iter().any(|kernel| real.starts_with(kernel)))
        .ok_or_else(|| refused(files))?;
    if !is_below(files, &real).await {
        return Err(refused(files));
    }
    if !fs::metadata(&real).await.is_ok_and(|meta| meta.is_file()) {
        return Err(refused(files));
    }
    let file = File::open(&real).await.map_err(|_| refused(files))?;
    let meta = file.metadata().await.map_err(ToolError::internal)?;
    if !meta.is_file() {
        return Err(refused(files));
    }
    if meta.len() > max_bytes {
        return Err(ToolError::input(format!(
            "the local file has {} bytes; allowed are {max_bytes}",
            meta.len()
        )));
    }
    let name = real.file_name().unwrap_or_default().to_string_lossy();
    Ok(OpenFile {
        name: file_name::safe(&name),
        length: meta.len(),
        file,
    })
}

async fn is_below(files: &LocalFiles, real: &Path) -> bool {
    for root in &files.roots {
        if let Ok(root) = fs::canonicalize(root).await
            && real.starts_with(root)
        {
            return true;
        }
    }
    false
}

fn refused(files: &LocalFiles) -> ToolError {
    let roots: Vec<String> = files
        .roots
        .iter()
        .map(|root: &PathBuf| root.display().to_string())
        .collect();
    ToolError::new(
        Kind::Forbidden,
        "there is no regular file at that path that may be read",
    )
    .hint(format!("files may be read below: {}", roots.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[tokio::test]
    async fn only_regular_files_below_a_root_are_read() {
        let world = tempfile::tempdir().unwrap();
        let root = world.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("in.txt"), "inside").unwrap();
        fs::write(world.path().join("out.txt"), "outside").unwrap();
        symlink(world.path().join("out.txt"), root.join("link.txt")).unwrap();
        symlink("in.txt", root.join("alias.txt")).unwrap();
        let files = LocalFiles {
            roots: vec![root.clone()],
        };
        let path = |name: &str| root.join(name).display().to_string();
        for good in [path("in.txt"), path("alias.txt"), path("../root/in.txt")] {
            let file = read(&files, &good, 100).await.expect(&good);
            assert_eq!(
                (file.name.as_str(), &*file.bytes),
                ("in.txt", &b"inside"[..])
            );
        }
        let outside = [
            path("../out.txt"),
            path("link.txt"),
            path("."),
            path("absent.txt"),
            "/proc/self/environ".to_owned(),
            "file:///proc/self/environ".to_owned(),
            "/dev/zero".to_owned(),
            "/etc/passwd".to_owned(),
        ];
        for bad in outside {
            let error = read(&files, &bad, 100).await.expect_err(&bad);
            assert_eq!(error.kind, Kind::Forbidden, "{bad}");
        }
        assert!(read(&files, &path("in.txt"), 3).await.is_err());
        assert!(
            read(&LocalFiles::default(), &path("in.txt"), 9)
                .await
                .is_err()
        );
        let everything = LocalFiles {
            roots: vec!["/".into()],
        };
        assert!(
            read(&everything, "/proc/self/environ", 1 << 20)
                .await
                .is_err()
        );
        assert!(read(&everything, "/dev/zero", 1 << 20).await.is_err());
    }
}
