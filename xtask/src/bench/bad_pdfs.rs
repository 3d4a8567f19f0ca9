//! Well-behaved calls while PDF files that never end are read.
//!
//! Invariant: every such file is refused; one that was read would mean that nothing was measured.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use anyhow::{Context, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use testkit::World;
use tokio::task::JoinSet;

use super::{Bound, Figure, slow_clients::slowest_percent};

/// Readers at work all the time; the server reads two files at once.
const READERS: usize = 16;

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
    let id = sent["id"].as_str().context("an id")?.to_owned();
    let before = slowest_percent(&mcp).await?;
    let over = Arc::new(AtomicBool::new(false));
    let refused = Arc::new(AtomicUsize::new(0));
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let (mcp, id) = (mcp.clone(), id.clone());
        let (over, refused) = (over.clone(), refused.clone());
        readers.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                let file = json!({"message_id": id, "attachment_id": "loop.pdf", "as": "text"});
                let answer = mcp.result("get_gmail_attachment_content", file).await?;
                ensure!(answer["isError"] == true, "the file was read: {answer}");
                refused.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
    }
    let during = slowest_percent(&mcp).await;
    over.store(true, Ordering::Relaxed);
    while let Some(reader) = readers.join_next().await {
        reader??;
    }
    ensure!(refused.load(Ordering::Relaxed) > 0, "no file was refused");
    Ok(vec![Figure {
        name: "well-behaved p99 while bad PDFs are read / before".into(),
        value: during? / before,
        unit: "×",
        bound: Bound::Reported(2.0),
    }])
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
