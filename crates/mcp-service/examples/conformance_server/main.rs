//! The server that the official conformance suite is run against.
//!
//! What stands alone is answered by the short way of this crate, the rest by the protocol library
//! behind it, so the suite judges both. Not an example of good tools: they do what the suite asks.
//! Prints the address it listens on.

mod content;
mod rounds;
mod talker;
mod tools;

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use foundation::{SystemClock, SystemRandom};
use futures::future::BoxFuture;
use mcp_service::{
    About, Answer, Caller, HttpConfig, LegacySessions, MemoryOneTime, Metrics, Program, Server,
    ToolCall, ToolList, Tools,
};

/// Any error, printed by `main`.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let port: u16 = option("--port").unwrap_or_default().parse().unwrap_or(0);
    let mut config = HttpConfig::local(SocketAddr::from(([127, 0, 0, 1], port)), [7; 32]);
    config.sessions = match option("--sessions").as_deref() {
        Some("off") => LegacySessions::Off,
        Some("on") | None => LegacySessions::On,
        Some(_) => return Err("say --sessions on or off".into()),
    };
    let program = Program {
        tools: Arc::new(Fixture::new()),
        routes: Router::new(),
        readiness: Arc::new(|| Box::pin(async { Ok(()) })),
        metrics: Metrics::new(),
        one_time: Arc::new(MemoryOneTime::default()),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    };
    let server = Server::bind_with_handler(config, program, talker::Talker::new()).await?;
    announce(server.address());
    server.run().await?;
    Ok(())
}

fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|word| word != name).nth(1)
}

#[expect(
    clippy::print_stdout,
    reason = "the address is what this program is asked for"
)]
fn announce(address: SocketAddr) {
    println!("http://{address}/mcp");
}

/// The half of the fixture that stands alone.
struct Fixture {
    about: About,
    list: Arc<ToolList>,
}

impl Fixture {
    fn new() -> Self {
        Self {
            about: About {
                name: "conformance-fixture".into(),
                service: "conformance-fixture".into(),
                title: "Conformance fixture".into(),
                version: "1.0.0".into(),
                instructions: "Does what the conformance suite asks.".into(),
                website: None,
                resources: true,
                prompts: true,
            },
            list: Arc::new(ToolList::shared(tools::all())),
        }
    }
}

impl Tools for Fixture {
    fn about(&self) -> &About {
        &self.about
    }

    fn list(&self, _caller: &Caller) -> Arc<ToolList> {
        Arc::clone(&self.list)
    }

    fn stands_alone(&self, name: &str) -> bool {
        content::stands_alone(name)
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Answer> {
        Box::pin(async move { content::answer(&call.name, &call.arguments, call.reply.as_ref()) })
    }
}
