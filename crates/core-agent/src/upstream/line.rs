//! The way to one server, or to one person's side of it: opened when needed, replaced when it
//! breaks, left alone for a while when it fails.
//!
//! Invariant: however many callers wait, one start is under way; a caller that gives up ends its
//! own waiting and no start.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared as SharedFuture},
};
use tokio::{
    sync::Semaphore,
    task::{AbortHandle, try_id},
    time::{Instant, sleep_until},
};

use crate::{Actor, Effect, Fault, FaultKind, ServerName};

use super::{Scope, keeper, life, link::Link, server::Base};

/// Callers that may wait for one server to come up.
const WAITING: usize = 256;
/// How long a start may keep others waiting for theirs.
const TURN: Duration = Duration::from_secs(1);
/// A pause that a caller waits for instead of being turned away.
const SHORT_PAUSE: Duration = Duration::from_secs(2);

/// The way to a server.
pub(super) struct Line {
    pub(super) base: Arc<Base>,
    /// Whose it is, where that matters.
    pub(super) actor: Arc<Actor>,
    /// Whether everybody uses it.
    pub(super) common: bool,
    state: Mutex<State>,
    failures: AtomicU32,
    waiting: Semaphore,
}

enum State {
    Idle,
    Starting(Starting, AbortHandle),
    Ready(Arc<Link>),
    Paused { until: Instant, fault: Fault },
}

type Starting = SharedFuture<BoxFuture<'static, Result<Arc<Link>, Fault>>>;

enum Step {
    Wait(Starting),
    Pause(Instant),
}

impl Line {
    pub(super) fn new(base: Arc<Base>, actor: Arc<Actor>, common: bool) -> Self {
        Self {
            base,
            actor,
            common,
            state: Mutex::new(State::Idle),
            failures: AtomicU32::new(0),
            waiting: Semaphore::new(WAITING),
        }
    }

    /// What is there now, without waiting.
    pub(super) fn current(&self) -> Option<Arc<Link>> {
        match &*self.state() {
            State::Ready(link) if !link.is_over() => Some(link.clone()),
            _ => None,
        }
    }

    /// Whether nothing is there and nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        !matches!(&*self.state(), State::Ready(_) | State::Starting(..))
    }

    /// The server, started when need be.
    pub(super) async fn acquire(self: &Arc<Self>, scope: &Scope) -> Result<Arc<Link>, Fault> {
        if let Some(link) = self.current() {
            return Ok(link);
        }
        let name = &self.base.name;
        let Ok(_waiting) = self.waiting.try_acquire() else {
            let what = format!("{WAITING} callers wait for it to come up already");
            return Err(Fault::before(name, FaultKind::Busy, what));
        };
        let latest = Instant::now() + scope.patience.cap;
        loop {
            let step = match self.step() {
                Ok(Ok(step)) => step,
                Ok(Err(fault)) => return Err(fault),
                Err(link) => return Ok(link),
            };
            tokio::select! {
                () = scope.cancelled.cancelled() => {
                    return Err(Fault::before(name, FaultKind::Cancelled, "the caller gave up"));
                }
                () = sleep_until(latest) => {
                    let what = "it did not come up in time";
                    return Err(Fault::before(name, FaultKind::TimedOut, what));
                }
                done = follow(step) => if let Some(done) = done {
                    return done;
                },
            }
        }
    }

    /// A link that turned out to be of no use is not used again.
    pub(super) fn discard(&self, link: &Arc<Link>) {
        let mut state = self.state();
        if matches!(&*state, State::Ready(current) if Arc::ptr_eq(current, link)) {
            *state = State::Idle;
        }
        drop(state);
        link.retired.cancel();
    }

    /// Ends whatever is there. The next caller starts anew.
    pub(super) async fn stop(&self) {
        let before = std::mem::replace(&mut *self.state(), State::Idle);
        self.failures.store(0, Ordering::Relaxed);
        match before {
            State::Ready(link) => link.close().await,
            State::Starting(starting, abort) => {
                abort.abort();
                // Its program goes with the task that held it; one that was quicker is ended.
                if let Ok(link) = starting.await {
                    self.discard(&link);
                    link.close().await;
                }
            }
            State::Idle | State::Paused { .. } => {}
        }
    }

    /// The server has been there for a while: earlier failures are forgiven.
    pub(super) fn settled(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// A link ended by itself.
    pub(super) fn ended(&self, link: &Arc<Link>, fault: Fault) {
        let mut state = self.state();
        if !matches!(&*state, State::Ready(current) if Arc::ptr_eq(current, link)) {
            return;
        }
        if link.since.elapsed() >= life::STABLE {
            self.failures.store(0, Ordering::Relaxed);
        }
        *state = self.paused(fault.clone());
        drop(state);
        self.base.failed(self, fault);
    }

    fn step(self: &Arc<Self>) -> Result<Result<Step, Fault>, Arc<Link>> {
        let mut state = self.state();
        match &*state {
            State::Ready(link) if !link.is_over() => return Err(link.clone()),
            State::Starting(starting, _) => return Ok(Ok(Step::Wait(starting.clone()))),
            State::Paused { until, fault } => {
                let rest = until.saturating_duration_since(Instant::now());
                if rest > SHORT_PAUSE {
                    let fault = Fault {
                        effect: Effect::None,
                        retry_after: Some(rest),
                        ..fault.clone()
                    };
                    return Ok(Err(fault));
                }
                if !rest.is_zero() {
                    return Ok(Ok(Step::Pause(*until)));
                }
            }
            State::Ready(_) | State::Idle => {}
        }
        if self.base.shared.stopping.is_cancelled() {
            let what = "the hub is ending";
            return Ok(Err(Fault::before(&self.base.name, FaultKind::Closed, what)));
        }
        let task = tokio::spawn(self.clone().start());
        let abort = task.abort_handle();
        let name = self.base.name.clone();
        let starting = async move { task.await.unwrap_or_else(|_| Err(called_off(&name))) };
        let starting = starting.boxed().shared();
        *state = State::Starting(starting.clone(), abort);
        Ok(Ok(Step::Wait(starting)))
    }

    async fn start(self: Arc<Self>) -> Result<Arc<Link>, Fault> {
        let turn = self.base.shared.starts.acquire().await;
        self.base.starting(&self);
        let mut opening = std::pin::pin!(self.base.open(&self.actor));
        let early = tokio::time::timeout(TURN, &mut opening).await;
        // One that takes its time holds up nobody else.
        drop(turn);
        let opened = match early {
            Ok(opened) => opened,
            Err(_) => opening.await,
        };
        match opened {
            Ok(link) => {
                let link = Arc::new(link);
                if !self.come_to(State::Ready(link.clone())) {
                    link.close().await;
                    return Err(called_off(&self.base.name));
                }
                self.base.ready(&self, &link);
                tokio::spawn(keeper::keep(self.clone(), link.clone()));
                Ok(link)
            }
            Err(fault) => {
                let next = if life::waits(fault.kind) {
                    self.paused(fault.clone())
                } else {
                    State::Idle
                };
                if self.come_to(next) {
                    self.base.failed(&self, fault.clone());
                }
                Err(fault)
            }
        }
    }

    /// What the start that asks has come to, unless it was called off: then whatever is there
    /// belongs to a later one.
    fn come_to(&self, next: State) -> bool {
        let mut state = self.state();
        let ours = matches!(&*state, State::Starting(_, task) if Some(task.id()) == try_id());
        if ours {
            *state = next;
        }
        ours
    }

    fn paused(&self, fault: Fault) -> State {
        let failures = self
            .failures
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1);
        let chance = self.base.shared.options.random.fraction();
        let pause = life::pause(failures, chance);
        State::Paused {
            until: Instant::now() + pause,
            fault,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn called_off(server: &ServerName) -> Fault {
    Fault::before(server, FaultKind::Closed, "its start was called off")
}

async fn follow(step: Step) -> Option<Result<Arc<Link>, Fault>> {
    match step {
        Step::Wait(starting) => Some(starting.await),
        Step::Pause(until) => {
            sleep_until(until).await;
            None
        }
    }
}
