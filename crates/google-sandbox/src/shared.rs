//! What all connections of one sandbox share.
//!
//! Not the door: nothing here reads requests. Invariant: no lock is held across a wait, because
//! every access goes through a closure.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use foundation::Clock;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Notify;

use crate::{
    door::Sessions,
    fault::FaultRule,
    limit::RateLimits,
    world::{Chance, Contents, User, World},
};

/// How many recorded requests are kept.
const CALLS_KEPT: usize = 200_000;

/// The shared state of one running sandbox.
pub(crate) struct Shared {
    world: Mutex<World>,
    knobs: Mutex<Knobs>,
    calls: Mutex<Vec<CallRecord>>,
    sessions: Mutex<Sessions>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) origin: Origin,
    pub(crate) in_flight: AtomicUsize,
    pub(crate) most_in_flight: AtomicUsize,
    /// Rung after every change, for whoever saves the state.
    pub(crate) changed: Notify,
}

/// What a world is made from, also when it is reset.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) users: Vec<User>,
    pub(crate) seed: u64,
    pub(crate) contents: Contents,
}

/// What tests and demonstrations turn.
#[derive(Debug)]
pub(crate) struct Knobs {
    pub(crate) latency: Duration,
    pub(crate) faults: Vec<FaultRule>,
    pub(crate) chance: Chance,
    pub(crate) limits: RateLimits,
    pub(crate) sign_in: SignInKnobs,
}

/// Oddities of signing in that real accounts show.
#[derive(Clone, Debug)]
pub(crate) struct SignInKnobs {
    /// How long access tokens live, in seconds.
    pub(crate) access_token_lifetime: i64,
    /// Scopes that nobody ticks on the consent page, full URLs.
    pub(crate) denied_scopes: Vec<String>,
    /// Code exchanges answer without a refresh token.
    pub(crate) omit_refresh_token: bool,
    /// Each refresh gives a new refresh token; use of an old one kills the grant.
    pub(crate) rotate_refresh_tokens: bool,
}

impl Default for SignInKnobs {
    fn default() -> Self {
        Self {
            access_token_lifetime: 3599,
            denied_scopes: Vec::new(),
            omit_refresh_token: false,
            rotate_refresh_tokens: false,
        }
    }
}

/// One request as the sandbox saw it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct CallRecord {
    /// The method id, such as `gmail.users.messages.list` or `oauth.token`.
    pub method: String,
    /// The account of the token, when there was a valid one.
    pub owner: Option<String>,
    /// The status answered; 0 when the connection was broken on purpose.
    pub status: u16,
    /// When it came.
    pub at: Timestamp,
}

impl Shared {
    pub(crate) fn new(world: World, origin: Origin, knobs: Knobs, clock: Arc<dyn Clock>) -> Self {
        Self {
            world: Mutex::new(world),
            knobs: Mutex::new(knobs),
            calls: Mutex::default(),
            sessions: Mutex::default(),
            clock,
            origin,
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            changed: Notify::new(),
        }
    }

    /// Looks at or changes the world.
    pub(crate) fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut hold(&self.world))
    }

    /// Looks at or turns the knobs.
    pub(crate) fn knobs<T>(&self, act: impl FnOnce(&mut Knobs) -> T) -> T {
        act(&mut hold(&self.knobs))
    }

    /// Looks at or changes the uploads under way.
    pub(crate) fn sessions<T>(&self, act: impl FnOnce(&mut Sessions) -> T) -> T {
        act(&mut hold(&self.sessions))
    }

    /// Everything asked so far.
    pub(crate) fn calls(&self) -> Vec<CallRecord> {
        hold(&self.calls).clone()
    }

    /// Forgets what was asked so far.
    pub(crate) fn forget_calls(&self) {
        hold(&self.calls).clear();
    }

    /// Notes a request.
    pub(crate) fn record(&self, record: CallRecord) {
        let mut calls = hold(&self.calls);
        if calls.len() < CALLS_KEPT {
            calls.push(record);
        }
    }

    /// Counts a request in; it is counted out when the guard goes.
    pub(crate) fn enter(self: &Arc<Self>) -> InFlight {
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_in_flight.fetch_max(now, Ordering::SeqCst);
        InFlight(Arc::clone(self))
    }

    /// Starts over with the world this sandbox began with.
    pub(crate) fn reset(&self) {
        let Origin {
            users,
            seed,
            contents,
        } = self.origin.clone();
        let fresh = World::new(users, seed, self.clock.now(), contents);
        self.world(|world| *world = fresh);
        self.sessions(|sessions| *sessions = Sessions::default());
        self.knobs(|knobs| {
            knobs.faults.clear();
            knobs.limits = RateLimits::default();
            knobs.sign_in = SignInKnobs::default();
        });
        self.forget_calls();
        self.changed.notify_one();
    }
}

/// A request under way.
pub(crate) struct InFlight(Arc<Shared>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A handler that panicked has broken one request, not the whole sandbox.
fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
