//! Results of reads, kept for as long as the configuration says.
//!
//! Only reads have a place here, only good results are kept, and identical reads at the same time
//! are made once.
//! Invariant: a result is given to whom it was made for, and never after a write to its server.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use moka::{Expiry, future::Cache};
use rmcp::model::CallToolResult;

use crate::{
    FaultKind,
    catalogue::{Access, HubTool},
    config::Config,
};

use super::execute::{Answered, Failure};

const BYTES: u64 = 64 << 20;
/// A result larger than this is not kept.
const LARGEST: usize = 4 << 20;

/// The kept results.
pub(super) struct Results(Cache<String, Kept>);

#[derive(Clone)]
struct Kept {
    result: Arc<CallToolResult>,
    bytes: usize,
    ttl: Duration,
}

struct Ttl;

impl Expiry<String, Kept> for Ttl {
    fn expire_after_create(&self, _: &String, kept: &Kept, _: Instant) -> Option<Duration> {
        Some(kept.ttl)
    }
}

/// Where a result came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum From {
    /// From the server, for this very call.
    Server,
    /// From an earlier call, or one at the same time.
    Cache,
}

/// Why there is nothing to share.
#[derive(Clone)]
enum Miss {
    /// What became of the call belongs to who made it.
    Own(Arc<Mutex<Option<Result<Answered, Failure>>>>),
}

impl Results {
    pub(super) fn new() -> Self {
        Self(
            Cache::builder()
                .max_capacity(BYTES)
                .weigher(|key: &String, kept: &Kept| {
                    u32::try_from(key.len() + kept.bytes + 256).unwrap_or(u32::MAX)
                })
                .expire_after(Ttl)
                .build(),
        )
    }

    /// Gives the kept result of the same call, or makes it.
    pub(super) async fn get_or_make(
        &self,
        key: String,
        ttl: Duration,
        make: impl Future<Output = Result<Answered, Failure>>,
    ) -> Option<(From, Result<Answered, Failure>)> {
        let made = AtomicBool::new(false);
        let found = self
            .0
            .try_get_with(key, async {
                made.store(true, Ordering::Relaxed);
                let own = |outcome| Miss::Own(Arc::new(Mutex::new(Some(outcome))));
                match make.await {
                    Ok(Answered::Result(result)) if result.is_error != Some(true) => {
                        let bytes = super::spill::size(&result);
                        if bytes > LARGEST {
                            return Err(own(Ok(Answered::Result(result))));
                        }
                        Ok(Kept {
                            result: Arc::new(*result),
                            bytes,
                            ttl,
                        })
                    }
                    other => Err(own(other)),
                }
            })
            .await;
        let from = if made.load(Ordering::Relaxed) {
            From::Server
        } else {
            From::Cache
        };
        match found {
            Ok(kept) => Some((from, Ok(Answered::Result(Box::new((*kept.result).clone()))))),
            Err(miss) => {
                let Miss::Own(outcome) = &*miss;
                let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
                if from == From::Server {
                    return outcome.take().map(|outcome| (From::Server, outcome));
                }
                // A failure of the server is shared, so that a hundred callers do not find it out
                // one after another; a caller who gave up has given up only for itself.
                match &*outcome {
                    Some(Err(failure)) if failure.fault.kind != FaultKind::Cancelled => {
                        Some((From::Cache, Err(failure.clone())))
                    }
                    _ => None,
                }
            }
        }
    }
}

/// How long a tool's results may be kept, if at all.
pub(super) fn ttl(config: &Config, tool: &HubTool) -> Option<Duration> {
    if tool.access != Access::Read {
        return None;
    }
    let configured = &config.servers.get(&tool.server)?.cache_seconds;
    let seconds = configured
        .get(&*tool.original.name)
        .or_else(|| configured.get("*"))?;
    (*seconds > 0).then(|| Duration::from_secs(*seconds))
}
