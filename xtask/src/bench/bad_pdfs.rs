//! Well-behaved calls while bad PDF files are read.
//!
//! Invariant: no such file is read to its end; one that was would mean that nothing was measured.

use std::sync::Arc;

use anyhow::{Context, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use testkit::{Mcp, McpError, World};
use tokio::task::JoinSet;

use super::{
    Bound, Figure,
    well_behaved::{slowest_percent, usual},
};

/// Files asked for at once; the server reads one or two of them at a time.
const AT_ONCE: usize = 50;

/// Rounds of well-behaved calls; all together take less time than the endless files.
const ROUNDS: usize = 9;

/// Files that are read while nothing else happens.
const FILES: u32 = 300;

/// Ends its reader at once.
const CRASH: &str = "crash.pdf";

/// Keeps its reader busy until its time is over.
const ENDLESS: &str = "endless.pdf";

pub(super) async fn measure(world: &World) -> anyhow::Result<Vec<Figure>> {
    let mcp = Arc::new(world.mcp());
    let files = [(CRASH, picture_in_itself()), (ENDLESS, endless_picture())];
    let attachments = files.map(|(name, file)| {
        json!({"name": name, "mime_type": "application/pdf", "content_base64": STANDARD.encode(file)})
    });
    let mail = json!({
        "to": [testkit::EMAIL], "subject": "files", "body": "open them", "attachments": attachments,
    });
    let sent = mcp.call("send_gmail_message", mail).await?;
    let message = sent["id"].as_str().context("an id")?.to_owned();
    let file = |name: &str| json!({"message_id": message, "attachment_id": name, "as": "text"});
    let before = world.server.cpu_seconds()?;
    for _ in 0..FILES {
        refused(
            mcp.result("get_gmail_attachment_content", file(CRASH))
                .await,
        )?;
    }
    let spent = world.server.cpu_seconds()? - before;
    let quiet = settled(&mcp).await?;
    let bombs = Bombs::start(&mcp, &file(ENDLESS));
    let busy = settled(&mcp).await?;
    bombs.stop().await?;
    Ok(vec![
        Figure {
            name: format!("well-behaved p99 with {AT_ONCE} endless PDFs / without"),
            value: busy / quiet,
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

/// The p99 of a usual round, after one in which what begins has settled.
async fn settled(mcp: &Mcp) -> anyhow::Result<f64> {
    slowest_percent(mcp).await?;
    usual(mcp, ROUNDS).await
}

fn refused(answer: Result<Value, McpError>) -> anyhow::Result<()> {
    let answer = answer?;
    ensure!(answer["isError"] == true, "the file was read: {answer}");
    Ok(())
}

/// Callers who have endless files read.
struct Bombs(JoinSet<anyhow::Result<()>>);

impl Bombs {
    fn start(mcp: &Arc<Mcp>, file: &Value) -> Self {
        let mut callers = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (mcp, file) = (mcp.clone(), file.clone());
            callers.spawn(async move {
                refused(mcp.result("get_gmail_attachment_content", file).await)
            });
        }
        Self(callers)
    }

    /// The callers go away; none of them was answered too early to count.
    async fn stop(mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.0.try_join_next() {
            ended??;
        }
        ensure!(!self.0.is_empty(), "all files were refused too early");
        self.0.shutdown().await;
        Ok(())
    }
}

/// A page with a picture that draws itself, until the stack ends.
fn picture_in_itself() -> Vec<u8> {
    pictures(1, |_| (1, "/X Do"))
}

/// A page with a picture that draws another one twice, which does the same, and so on.
fn endless_picture() -> Vec<u8> {
    const PICTURES: usize = 60;
    pictures(PICTURES, |number| {
        if number < PICTURES {
            (number + 1, "/X Do /X Do")
        } else {
            (number, "q Q")
        }
    })
}

/// A page that draws the first of so many pictures. `picture` says what each draws, and which
/// picture it calls `X`.
fn pictures(count: usize, picture: impl Fn(usize) -> (usize, &'static str)) -> Vec<u8> {
    const BEFORE: usize = 4;
    let stream = |entries: &str, draws: &str| {
        format!(
            "<< /Length {} {entries} >>\nstream\n{draws}\nendstream",
            draws.len()
        )
    };
    let knows = |number: usize| {
        let object = BEFORE + number;
        format!("/Resources << /XObject << /X {object} 0 R >> >>")
    };
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R {} >>",
            knows(1)
        ),
        stream("", "/X Do"),
    ];
    for number in 1..=count {
        let (other, draws) = picture(number);
        let entries = format!(
            "/Type /XObject /Subtype /Form /BBox [0 0 9 9] {}",
            knows(other)
        );
        objects.push(stream(&entries, draws));
    }
    let mut file = "%PDF-1.5\n".to_owned();
    let mut table = String::from("0000000000 65535 f \n");
    for (object, number) in objects.iter().zip(1..) {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let (start, size) = (file.len(), objects.len() + 1);
    file.push_str(&format!(
        "xref\n0 {size}\n{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF"
    ));
    file.into_bytes()
}
