//! A bounded load: so many requests over so many keep-alive connections.

use anyhow::bail;
use testkit::http;

/// The same request again and again.
pub(super) struct Load {
    pub url: String,
    pub body: String,
}

impl Load {
    /// Sends `requests` requests; every one must be answered with a result.
    pub(super) async fn run(&self, requests: u32, connections: u32) -> anyhow::Result<()> {
        let mut workers = Vec::new();
        for _ in 0..connections {
            let (url, body) = (self.url.clone(), self.body.clone());
            let share = requests.div_ceil(connections);
            workers.push(tokio::spawn(
                async move { worker(&url, &body, share).await },
            ));
        }
        for worker in workers {
            worker.await??;
        }
        Ok(())
    }
}

async fn worker(url: &str, body: &str, requests: u32) -> anyhow::Result<()> {
    let client = http();
    for _ in 0..requests {
        let answer = client
            .post(url)
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream")
            .body(body.to_owned())
            .send()
            .await?;
        let status = answer.status();
        let bytes = answer.bytes().await?;
        let good = bytes.windows(8).any(|window| window == b"\"result\"");
        let failed = bytes
            .windows(14)
            .any(|window| window == b"\"isError\":true");
        if !status.is_success() || !good || failed {
            bail!(
                "{status}: {}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(300)])
            );
        }
    }
    Ok(())
}
