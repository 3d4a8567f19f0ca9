//! Well-behaved calls while PDF files that never end are read.
//!
//! Invariant: every such file is refused; one that was read would mean that nothing was measured.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use testkit::{Mcp, World};
use tokio::task::JoinSet;

use super::{
    Bound, Figure,
    well_behaved::{median, slowest_percent},
};

/// Readers at work all the time; the server reads one or two files at once.
const READERS: usize = 16;

/// Quiet and busy times take turns, so that neighbours on the machine are in both.
const ROUNDS: usize = 10;

/// Files that are read while nothing else happens.
const FILES: u32 = 300;

pub(super) async fn measure(world: &World) -> anyhow::Result<Vec<Figure>> {
    let mcp = Arc::new(world.mcp());
    let mail = json!({
        "to": [testkit::EMAIL], "subject": "a file", "body": "open it",
        "attachments": [{
            "name": "loop.pdf", "mime_type": "application/pdf",
            "content_base64": STANDARD.encode(picture_in_itself()),
        }],
    });
    let sent = mcp.call("send_gmail_message", mail).await?;
    let message = sent["id"].as_str().context("an id")?.to_owned();
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        quiet.push(slowest_percent(&mcp).await?);
        let reading = Reading::start(&mcp, &message, u32::MAX);
        busy.push(slowest_percent(&mcp).await?);
        reading.stop().await?;
    }
    let before = world.server.cpu_seconds()?;
    Reading::start(&mcp, &message, FILES).end().await?;
    let spent = world.server.cpu_seconds()? - before;
    Ok(vec![
        Figure {
            name: "well-behaved p99 while bad PDFs are read / else".into(),
            value: median(busy) / median(quiet),
            unit: "×",
            bound: Bound::Reported(2.0),
        },
        Figure {
            name: "a bad PDF: CPU of the server itself".into(),
            value: spent / f64::from(FILES) * 1e3,
            unit: "ms",
            bound: Bound::Gated(2.0),
        },
    ])
}

/// Callers who have the file read again and again.
struct Reading {
    left: Arc<AtomicU32>,
    readers: JoinSet<anyhow::Result<u32>>,
}

impl Reading {
    /// Begins to read it, `files` times if nobody stops it.
    fn start(mcp: &Arc<Mcp>, message: &str, files: u32) -> Self {
        let left = Arc::new(AtomicU32::new(files));
        let mut readers = JoinSet::new();
        for _ in 0..READERS {
            let (mcp, left) = (mcp.clone(), left.clone());
            let file = json!({"message_id": message, "attachment_id": "loop.pdf", "as": "text"});
            readers.spawn(async move {
                let mut refused = 0;
                let take = |left: u32| left.checked_sub(1);
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                    .is_ok()
                {
                    let answer = mcp
                        .result("get_gmail_attachment_content", file.clone())
                        .await?;
                    ensure!(answer["isError"] == true, "the file was read: {answer}");
                    refused += 1;
                }
                Ok(refused)
            });
        }
        Self { left, readers }
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.left.store(0, Ordering::Relaxed);
        self.end().await
    }

    /// Waits until all have been read.
    async fn end(mut self) -> anyhow::Result<()> {
        let mut refused = 0;
        while let Some(reader) = self.readers.join_next().await {
            refused += reader??;
        }
        ensure!(refused > 0, "no file was refused");
        Ok(())
    }
}

/// A page with a picture that draws itself, until the stack ends.
fn picture_in_itself() -> Vec<u8> {
    let drawing = |entries: &str| format!("<< /Length 5 {entries} >>\nstream\n/X Do\nendstream");
    let resources = "/Resources << /XObject << /X 5 0 R >> >>";
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R {resources} >>"),
        drawing(""),
        drawing(&format!(
            "/Type /XObject /Subtype /Form /BBox [0 0 9 9] {resources}"
        )),
    ];
    let mut file = "%PDF-1.5\n".to_owned();
    let mut table = String::from("0000000000 65535 f \n");
    for (object, number) in objects.iter().zip(1..) {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let start = file.len();
    file.push_str(&format!(
        "xref\n0 6\n{table}trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF"
    ));
    file.into_bytes()
}
