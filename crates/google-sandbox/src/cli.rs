//! The sandbox as a program: starts it, says how to use it, serves until told to stop.
//!
//! Not the parsing of arguments and not a printer: the program that calls this has both.
//! Invariant: nothing is printed before the port is open.

use std::{fmt::Write as _, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use foundation::Clock;

use crate::{
    fault::FaultRule,
    oauth::{CLIENT_ID, CLIENT_SECRET},
    sandbox::{Running, Sandbox, StartError},
    world::{Contents, User},
};

/// What the command line can say.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes any free one.
    pub address: SocketAddr,
    /// How long every answer takes at least.
    pub latency: Duration,
    /// What breaks.
    pub faults: Vec<FaultRule>,
    /// What ids and demo data follow from.
    pub seed: u64,
    /// Where the state is kept between runs.
    pub state_file: Option<PathBuf>,
    /// Whether accounts begin empty instead of with the demo data.
    pub contents: Contents,
}

/// Serves until `stop` is ready; `say` gets the text that tells how to use it.
pub async fn run(
    options: Options,
    clock: Arc<dyn Clock>,
    say: impl FnOnce(&str),
    stop: impl Future<Output = ()>,
) -> Result<(), StartError> {
    let running = start(options, clock).await?;
    say(&how_to_use(&running));
    stop.await;
    running.stop().await;
    Ok(())
}

/// Starts a sandbox as the options say.
pub async fn start(options: Options, clock: Arc<dyn Clock>) -> Result<Running, StartError> {
    let mut builder = Sandbox::builder(clock)
        .seed(options.seed)
        .latency(options.latency)
        .state_file(options.state_file)
        .contents(options.contents);
    for rule in options.faults {
        builder = builder.fault(rule);
    }
    builder.start(options.address).await
}

/// Where the sandbox is and what can be done with it.
pub fn how_to_use(running: &Running) -> String {
    let base = running.base_url();
    let mut text = format!("Google Workspace sandbox at {base}\n\nAccounts:\n");
    for User { email, name, .. } in running.handle().users() {
        writeln!(text, "  {email} ({name})").expect("a String takes everything");
    }
    write!(
        text,
        "\nUse it in place of Google:\n  GOOGLE_API_BASE={base}\n  \
         GOOGLE_OAUTH_CLIENT_ID={CLIENT_ID}\n  GOOGLE_OAUTH_CLIENT_SECRET={CLIENT_SECRET}\n\n\
         Get a token and list labels:\n  \
         curl -s {base}/sandbox/token -d '{{\"email\":\"alex@sandbox.example\",\
         \"scopes\":[\"https://mail.google.com/\"]}}'\n  \
         curl -s -H \"Authorization: Bearer $TOKEN\" \
         {base}/gmail.googleapis.com/gmail/v1/users/me/labels\n\n\
         Knobs (faults, tokens, calls, reset): {base}/sandbox\n"
    )
    .expect("a String takes everything");
    text
}
