//! The address on this machine to which a browser brings the answer.
//!
//! Invariant: it answers plain text that contains nothing of the request, takes one answer that
//! belongs to the sign-in, and is gone.

use std::{io, net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

use super::callback::belongs;

const PATH: &str = "/callback";
const LARGEST_HEAD: usize = 16 << 10;
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Visitors at one time; browsers open connections they do not use.
const MOST_VISITORS: usize = 32;

/// The listening address.
#[derive(Debug)]
pub(super) struct Loopback {
    listener: TcpListener,
    port: u16,
}

impl Loopback {
    /// Listens on `port`, or on a free one chosen by the system.
    pub(super) async fn listen(port: Option<u16>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    /// Its address, as authorization servers are told.
    pub(super) fn redirect(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Waits for the answer to the request with this `state`: its query.
    pub(super) async fn answer(self, state: &str) -> io::Result<String> {
        let mut visitors = JoinSet::new();
        loop {
            tokio::select! {
                visitor = self.listener.accept(), if visitors.len() < MOST_VISITORS => {
                    let (stream, _) = visitor?;
                    let (state, port) = (state.to_owned(), self.port);
                    visitors.spawn(async move {
                        timeout(HEAD_WITHIN, serve(stream, &state, port)).await
                    });
                }
                Some(served) = visitors.join_next() => {
                    // A visitor that breaks off, or belongs to no sign-in, ends nothing.
                    if let Ok(Ok(Ok(Some(query)))) = served {
                        return Ok(query);
                    }
                }
            }
        }
    }
}

async fn serve(mut stream: TcpStream, state: &str, port: u16) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let mut chunk = [0; 1024];
        let read = stream.read(&mut chunk).await?;
        if read == 0 || head.len() + read > LARGEST_HEAD {
            return Ok(None);
        }
        head.extend_from_slice(chunk.get(..read).unwrap_or_default());
    }
    let (status, text, query) = judge(&String::from_utf8_lossy(&head), state, port);
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         X-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'\r\n\
         Referrer-Policy: no-referrer\r\nCache-Control: no-store\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{text}",
        text.len(),
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(query)
}

/// What a visitor is told, and the query when it is the answer.
fn judge(head: &str, state: &str, port: u16) -> (&'static str, &'static str, Option<String>) {
    const NOT_FOUND: (&str, &str, Option<String>) =
        ("404 Not Found", "There is nothing here.\n", None);
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    let mut hosts = lines
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.eq_ignore_ascii_case("host"))
        .map(|(_, value)| value.trim());
    // Another host name would mean that a page has its own name lead here.
    let ours = match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            host == format!("127.0.0.1:{port}") || host == format!("localhost:{port}")
        }
        _ => false,
    };
    let query = match target.split_once('?') {
        Some((PATH, query)) if ours && method == Some("GET") => query,
        _ => return NOT_FOUND,
    };
    if belongs(query, state) {
        (
            "200 OK",
            "The answer has arrived. You can close this page and go back to the terminal.\n",
            Some(query.to_owned()),
        )
    } else {
        (
            "400 Bad Request",
            "This belongs to no sign-in that is waiting.\n",
            None,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn visit(port: u16, head: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn one_answer_is_taken_and_others_end_nothing() {
        let loopback = Loopback::listen(None).await.unwrap();
        let port = loopback.port;
        let waiting = tokio::spawn(async move { loopback.answer("right").await.unwrap() });
        // A connection that says nothing does not hold the others up.
        let _silent = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        let host = format!("Host: 127.0.0.1:{port}");
        let get = |target: &str, host: &str| format!("GET {target} HTTP/1.1\r\n{host}\r\n\r\n");
        let script = "/callback?state=<script>alert(1)</script>&error=<script>";
        for (head, status) in [
            (get("/callback?code=c&state=wrong", &host), "400"),
            (get(script, &host), "400"),
            (get("/callback?code=c", &host), "400"),
            (get("/favicon.ico", &host), "404"),
            (get("/callback?state=right", "Host: evil.example"), "404"),
            (get("/callback?state=right", "X: y"), "404"),
            (
                get("/callback?state=right", &format!("{host}\r\nHost: evil")),
                "404",
            ),
            (
                format!("POST /callback?state=right HTTP/1.1\r\n{host}\r\n\r\n"),
                "404",
            ),
        ] {
            let answer = visit(port, &head).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{head}: {answer}"
            );
            assert!(answer.contains("Content-Type: text/plain; charset=utf-8\r\n"));
            assert!(!answer.contains("script"), "{answer}");
        }
        let answer = visit(port, &get("/callback?code=c&state=right", &host)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(waiting.await.unwrap(), "code=c&state=right");
        assert!(
            TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn ports_are_free_ones_or_the_one_asked_for() {
        let one = Loopback::listen(None).await.unwrap();
        assert!(Loopback::listen(Some(one.port)).await.is_err());
        assert_eq!(
            one.redirect(),
            format!("http://127.0.0.1:{}/callback", one.port)
        );
    }
}
