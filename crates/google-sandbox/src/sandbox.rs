//! Starting a sandbox and turning its knobs.
//!
//! Not the command line. Invariant: a running sandbox that is dropped stops serving; one that is
//! stopped has saved its state.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use foundation::Clock;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    fault::{Fault, FaultRule},
    limit::RateLimits,
    oauth, server,
    shared::{CallRecord, Knobs, Origin, Shared, SignInKnobs},
    world::{Chance, Contents, User, World, demo_users},
};

/// Google Workspace in a box, about to be started.
pub struct Sandbox;

impl Sandbox {
    /// A sandbox with the demo users and their data, on this clock.
    pub fn builder(clock: Arc<dyn Clock>) -> Builder {
        Builder {
            clock,
            seed: 1,
            latency: Duration::ZERO,
            faults: Vec::new(),
            state_file: None,
            users: demo_users(),
            contents: Contents::Demo,
        }
    }
}

/// What a sandbox shall be like.
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    clock: Arc<dyn Clock>,
    seed: u64,
    latency: Duration,
    faults: Vec<FaultRule>,
    state_file: Option<PathBuf>,
    users: Vec<User>,
    contents: Contents,
}

/// A sandbox that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("the sandbox cannot listen on {address}; choose another port, or 0 for any free one")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The state file is there but cannot be read.
    #[error("the state file {} cannot be read; move it away to start afresh", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl Builder {
    /// What ids, tokens, demo data and chance follow from.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How long every answer takes at least.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Adds a fault.
    pub fn fault(mut self, rule: FaultRule) -> Self {
        self.faults.push(rule);
        self
    }

    /// Keeps the state in a file, which is read at the start if it is there.
    pub fn state_file(mut self, path: Option<PathBuf>) -> Self {
        self.state_file = path;
        self
    }

    /// Other accounts than the two of the demo; the first two get the demo data.
    pub fn users(mut self, users: Vec<User>) -> Self {
        self.users = users;
        self
    }

    /// What the accounts hold at the start.
    pub fn contents(mut self, contents: Contents) -> Self {
        self.contents = contents;
        self
    }

    /// Starts serving; port 0 takes any free one.
    pub async fn start(self, address: SocketAddr) -> Result<Running, StartError> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| StartError::Listen { address, source })?;
        let address = listener
            .local_addr()
            .map_err(|source| StartError::Listen { address, source })?;
        let stored = match &self.state_file {
            Some(path) => load(path)?,
            None => None,
        };
        let origin = Origin {
            users: self.users,
            seed: self.seed,
            contents: self.contents,
        };
        let world = stored.unwrap_or_else(|| {
            World::new(
                origin.users.clone(),
                self.seed,
                self.clock.now(),
                self.contents,
            )
        });
        let knobs = Knobs {
            latency: self.latency,
            faults: self.faults,
            chance: Chance::new(self.seed ^ 0xfa17),
            limits: RateLimits::default(),
            sign_in: SignInKnobs::default(),
        };
        let shared = Arc::new(Shared::new(world, origin, knobs, self.clock));
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(server::serve(
            listener,
            Arc::clone(&shared),
            stopped.clone(),
        ));
        let saver = self
            .state_file
            .map(|path| tokio::spawn(keep_saved(Arc::clone(&shared), path, stopped)));
        Ok(Running {
            address,
            shared,
            stop,
            server,
            saver,
        })
    }
}

/// A sandbox that serves.
pub struct Running {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    saver: Option<JoinHandle<()>>,
}

impl Running {
    /// Where it is reached, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The knobs.
    pub fn handle(&self) -> SandboxHandle {
        SandboxHandle {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Finishes what is under way, saves the state and ends.
    pub async fn stop(self) {
        // Receivers live in the tasks awaited next; without them there is nothing to stop.
        let _ = self.stop.send(true);
        let _ = self.server.await;
        if let Some(saver) = self.saver {
            let _ = saver.await;
        }
    }
}

/// The knobs of a running sandbox; copies turn the same ones.
#[derive(Clone)]
pub struct SandboxHandle {
    shared: Arc<Shared>,
}

/// Tokens given out without a sign-in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Minted {
    /// Good for API calls.
    pub access_token: String,
    /// Good for more access tokens, for the demo client.
    pub refresh_token: String,
    /// How long the access token lives, in seconds.
    pub expires_in: i64,
}

impl SandboxHandle {
    /// Adds a fault rule.
    pub fn add_fault(&self, rule: FaultRule) {
        self.shared.knobs(|knobs| knobs.faults.push(rule));
    }

    /// Breaks the next `times` requests of an API (`gmail`) or method (`drive.files.create`,
    /// `oauth.token`).
    pub fn fail_next(&self, times: u32, target: &str, fault: Fault) {
        self.add_fault(FaultRule::next(times, target, fault));
    }

    /// Lets the next request of `target` take effect, but not its answer arrive.
    pub fn lose_next_answer(&self, target: &str) {
        self.fail_next(1, target, Fault::LoseAnswer);
    }

    /// Planned faults that no request has met yet.
    pub fn unmet_faults(&self) -> Vec<FaultRule> {
        self.shared.knobs(|knobs| {
            let unmet = |rule: &&FaultRule| rule.remaining.is_some_and(|left| left > 0);
            knobs.faults.iter().filter(unmet).cloned().collect()
        })
    }

    /// Forgets all faults.
    pub fn clear_faults(&self) {
        self.shared.knobs(|knobs| knobs.faults.clear());
    }

    /// How long every answer takes at least, from now on.
    pub fn set_latency(&self, latency: Duration) {
        self.shared.knobs(|knobs| knobs.latency = latency);
    }

    /// Limits each account to so many requests a second of an API, and so many at once.
    pub fn rate_limit(&self, api: &str, per_second: f64, burst: f64) {
        self.shared
            .knobs(|knobs| knobs.limits.set(api, per_second, burst));
    }

    /// Lets all access tokens given out so far expire.
    pub fn expire_tokens(&self) {
        self.shared.world(|world| world.oauth.expire_tokens());
        self.shared.changed.notify_one();
    }

    /// Takes back everything an account has granted to anybody; says whether there was something.
    pub fn revoke_grants(&self, email: &str) -> bool {
        self.shared.changed.notify_one();
        self.shared.world(|world| world.oauth.revoke_account(email))
    }

    /// From now on nobody ticks these scopes (full URLs) on the consent page.
    pub fn deny_scopes(&self, scopes: &[&str]) {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.shared
            .knobs(|knobs| knobs.sign_in.denied_scopes = scopes);
    }

    /// Whether code exchanges leave the refresh token out, from now on.
    pub fn omit_refresh_token(&self, omit: bool) {
        self.shared
            .knobs(|knobs| knobs.sign_in.omit_refresh_token = omit);
    }

    /// Whether each refresh gives a new refresh token and an old one used again kills the grant.
    pub fn rotate_refresh_tokens(&self, rotate: bool) {
        self.shared
            .knobs(|knobs| knobs.sign_in.rotate_refresh_tokens = rotate);
    }

    /// How long access tokens live that are given out from now on.
    pub fn access_token_lifetime(&self, seconds: i64) {
        self.shared
            .knobs(|knobs| knobs.sign_in.access_token_lifetime = seconds);
    }

    /// Registers a redirect address for the demo client; loopback ones need not be registered.
    pub fn allow_redirect(&self, uri: &str) {
        self.shared
            .world(|world| world.oauth.redirects.push(uri.to_owned()));
    }

    /// Gives tokens for an account to the demo client; nothing when there is no such account.
    pub fn mint(&self, email: &str, scopes: &[&str]) -> Option<Minted> {
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        oauth::mint(&self.shared, email, &scopes, None)
    }

    /// Everything asked so far, in order.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.shared.calls()
    }

    /// How often a method has been asked.
    pub fn count(&self, method: &str) -> usize {
        self.shared
            .calls()
            .iter()
            .filter(|call| call.method == method)
            .count()
    }

    /// Forgets what was asked so far.
    pub fn forget_calls(&self) {
        self.shared.forget_calls();
    }

    /// How many requests are under way.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::SeqCst)
    }

    /// How many requests were under way at once, at most, since this was asked last.
    pub fn most_in_flight(&self) -> usize {
        self.shared.most_in_flight.swap(0, Ordering::SeqCst)
    }

    /// The accounts.
    pub fn users(&self) -> Vec<User> {
        self.shared.world(|world| world.users.clone())
    }

    /// Starts over: data, tokens, faults, limits and records.
    pub fn reset(&self) {
        self.shared.reset();
    }
}

fn load(path: &Path) -> Result<Option<World>, StartError> {
    let failed = |source| StartError::State {
        path: path.to_owned(),
        source,
    };
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|error| failed(error.into()))
}

/// Saves a moment after each change, and once more at the end.
async fn keep_saved(shared: Arc<Shared>, path: PathBuf, mut stop: watch::Receiver<bool>) {
    loop {
        let ending = tokio::select! {
            () = shared.changed.notified() => false,
            _ = stop.wait_for(|stop| *stop) => true,
        };
        if !ending {
            // Changes come in bursts; one file for each burst is enough.
            let _ =
                tokio::time::timeout(Duration::from_millis(300), stop.wait_for(|stop| *stop)).await;
        }
        if let Err(error) = save(&shared, &path).await {
            tracing::warn!(%error, path = %path.display(), "the state file cannot be written");
        }
        if ending {
            return;
        }
    }
}

async fn save(shared: &Shared, path: &Path) -> io::Result<()> {
    let text = shared.world(|world| serde_json::to_vec(world))?;
    let fresh = path.with_extension("new");
    tokio::fs::write(&fresh, text).await?;
    tokio::fs::rename(&fresh, path).await
}
