//! Watches over a server that is there: its lists, its health, its end.
//!
//! Invariant: it ends with the link it watches, and leaves nothing of it behind.

use std::{sync::Arc, time::Duration};

use mcp_service::Era;
use rmcp::{
    model::{
        ClientRequest, DiscoverRequest, DiscoverRequestParams, PingRequest, SubscriptionFilter,
    },
    service::{ServiceError, Subscription},
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use crate::{Effect, Fault, FaultKind};

use super::{Patience, Scope, ServerEvent, life, line::Line, link::Link, listing, talk::Word};

/// How often a server that nobody uses is asked whether it is well.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Of so many looks one goes to a server over HTTP.
const FAR_LOOKS: u32 = 10;
/// Looks in a row that may fail.
const LOOKS: u32 = 2;
/// A person's side of a server is given up when nobody used it for so long.
const UNUSED: Duration = Duration::from_mins(10);
/// Lists are read again this long after the last time at the earliest.
const LISTS_EVERY: Duration = Duration::from_secs(1);
/// How long a subscription may take to be taken.
const SUBSCRIBE_WITHIN: Duration = Duration::from_secs(15);
/// How long what a program said before its end may take to be read.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);
/// How long requests of a link that is replaced may go on.
const FINISH_WITHIN: Duration = Duration::from_mins(10);

/// Watches over a link until its end.
pub(super) async fn keep(line: Arc<Line>, link: Arc<Link>) {
    tokio::select! {
        () = link.conversation.over() => {}
        () = line.base.shared.stopping.cancelled() => {}
        () = exited(&link) => {}
        () = link.retired.cancelled() => finish(&link).await,
        () = lists(&line, &link) => {}
        () = health(&line, &link) => {}
        () = subscriptions(&link) => {}
    }
    let fault = match &link.program {
        Some(program) => program.child.health().fault(Effect::Unknown).await,
        None => Fault::after(&line.base.name, FaultKind::Closed, "the conversation ended"),
    };
    line.ended(&link, fault);
    link.close().await;
    line.base.gone(&line);
}

/// Waits for the program's end, also when something it left behind keeps its pipe open.
async fn exited(link: &Link) {
    match &link.program {
        Some(program) => {
            program.child.exited().await;
            // Its last words may still be on their way.
            let _ = timeout(LAST_WORDS_WITHIN, link.conversation.over()).await;
        }
        None => std::future::pending().await,
    }
}

/// Waits for the requests of a link that is no longer given out.
async fn finish(link: &Link) {
    let mut look = interval(Duration::from_millis(100));
    let latest = Instant::now() + FINISH_WITHIN;
    while link.conversation.in_flight() > 0 && Instant::now() < latest {
        tokio::select! {
            () = link.conversation.over() => return,
            _ = look.tick() => {}
        }
    }
}

/// Takes up the lists at the beginning and whenever they change, and passes on what else the
/// server says by itself.
async fn lists(line: &Arc<Line>, link: &Arc<Link>) {
    let name = &line.base.name;
    if line.common || line.base.first_to_list() {
        list(line, link).await;
    } else if link.wants_lists() {
        // Not for the catalogue: the carrier learns which arguments travel as headers.
        let most = line.base.shared.options.config.calls.answer_bytes;
        let _ = listing::read(link, most).await;
    }
    link.listed.send_replace(true);
    let mut earliest = Instant::now();
    while let Some(word) = link.conversation.listen().await {
        match word {
            Word::Changed(changed) => {
                sleep_until(earliest).await;
                list(line, link).await;
                earliest = Instant::now() + LISTS_EVERY;
                let events = [
                    (changed.tools, ServerEvent::ToolsChanged(name.clone())),
                    (changed.prompts, ServerEvent::PromptsChanged(name.clone())),
                    (
                        changed.resources,
                        ServerEvent::ResourcesChanged(name.clone()),
                    ),
                ];
                for (changed, event) in events {
                    if changed {
                        line.base.tell(event);
                    }
                }
            }
            Word::Updated(uri) => line
                .base
                .tell(ServerEvent::ResourceUpdated(name.clone(), uri)),
            Word::Log { level, data } => line.base.tell(ServerEvent::Log {
                server: name.clone(),
                level,
                data,
            }),
        }
    }
}

/// Reads all lists and hands them on.
pub(super) async fn list(line: &Arc<Line>, link: &Link) {
    let options = &line.base.shared.options;
    match listing::read(link, options.config.calls.answer_bytes).await {
        Ok(listing) => {
            for dropped in &listing.dropped {
                tracing::warn!(server = %line.base.name, %dropped, "not taken into the catalogue");
            }
            line.base.listed(listing.keep);
            let info = link.conversation.info();
            options
                .listings
                .listed(&line.base.name, info, listing)
                .await;
        }
        // The hub itself has ended it.
        Err(_) if line.base.shared.stopping.is_cancelled() => {}
        Err(fault) => {
            tracing::warn!(server = %line.base.name, %fault, "its lists cannot be read");
            line.base.noted(fault);
        }
    }
}

/// Asks a server that nobody uses whether it is well; ends when it is not.
async fn health(line: &Arc<Line>, link: &Arc<Link>) {
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    look.tick().await;
    let mut failed = 0;
    let mut looks = 0_u32;
    loop {
        look.tick().await;
        looks = looks.wrapping_add(1);
        line.base.keep_status();
        let idle = link.idle();
        if !line.common && idle >= UNUSED {
            line.discard(link);
            return;
        }
        if link.since.elapsed() >= life::STABLE {
            line.settled();
        }
        if idle < LOOK_EVERY {
            failed = 0;
            continue;
        }
        // Somebody else's machine is asked less often: nothing of ours hangs there.
        if failed == 0 && link.program.is_none() && !looks.is_multiple_of(FAR_LOOKS) {
            continue;
        }
        let well = well(link).await;
        failed = if well { 0 } else { failed + 1 };
        if failed >= LOOKS {
            tracing::warn!(server = %line.base.name, "it no longer answers and is given up");
            return;
        }
    }
}

/// Whether the server answers, with whatever.
async fn well(link: &Link) -> bool {
    let question = match link.conversation.info().era {
        Era::Handshake => ClientRequest::PingRequest(PingRequest::default()),
        Era::Stateless => {
            ClientRequest::DiscoverRequest(DiscoverRequest::new(DiscoverRequestParams {}))
        }
    };
    let patience = Patience {
        idle: Duration::from_secs(10),
        cap: Duration::from_secs(10),
    };
    let scope = Scope {
        patience,
        ..Scope::background()
    };
    // Directly: a look at its health is no use of it.
    match link.conversation.request(question, &scope).await {
        Ok(_) => true,
        Err(fault) => fault.effect == Effect::Answered || fault.kind == FaultKind::RateLimited,
    }
}

/// In the new era a server says by itself only what it is asked to.
async fn subscriptions(link: &Link) {
    if link.conversation.info().era == Era::Handshake {
        return std::future::pending().await;
    }
    let mut failures = 0_u32;
    loop {
        let Some(filter) = filter(link) else {
            link.watched.changed.notified().await;
            continue;
        };
        match link.conversation.subscribe(filter, SUBSCRIBE_WITHIN).await {
            Ok(mut subscription) => {
                let since = Instant::now();
                tokio::select! {
                    () = hear(link, &mut subscription) => {}
                    () = link.watched.changed.notified() => {
                        let _ = timeout(SUBSCRIBE_WITHIN, subscription.cancel()).await;
                        continue;
                    }
                }
                failures = life::forgiven(failures, since.elapsed());
            }
            // It does not know subscriptions: nothing will ever come.
            Err(ServiceError::McpError(_)) => {
                link.watched.changed.notified().await;
                continue;
            }
            Err(_) => {}
        }
        failures = failures.saturating_add(1);
        let pause = life::pause(failures.saturating_add(2), 1.0);
        tokio::select! {
            () = sleep_until(Instant::now() + pause) => {}
            () = link.watched.changed.notified() => {}
        }
    }
}

async fn hear(link: &Link, subscription: &mut Subscription) {
    while let Ok(Some(notification)) = subscription.next().await {
        link.conversation.hear(notification);
    }
}

/// What a server can say by itself and somebody wants to hear.
fn filter(link: &Link) -> Option<SubscriptionFilter> {
    let can = &link.conversation.info().capabilities;
    let yes = |said: Option<bool>| said.unwrap_or_default();
    let mut filter = SubscriptionFilter::new();
    let tools = can
        .tools
        .as_ref()
        .is_some_and(|tools| yes(tools.list_changed));
    let prompts = can
        .prompts
        .as_ref()
        .is_some_and(|prompts| yes(prompts.list_changed));
    let resources = can
        .resources
        .as_ref()
        .is_some_and(|resources| yes(resources.list_changed));
    filter.tools_list_changed = tools.then_some(true);
    filter.prompts_list_changed = prompts.then_some(true);
    filter.resources_list_changed = resources.then_some(true);
    let uris = link.watched.uris();
    let watches = !uris.is_empty();
    filter.resource_subscriptions = watches.then_some(uris);
    (tools || prompts || resources || watches).then_some(filter)
}
