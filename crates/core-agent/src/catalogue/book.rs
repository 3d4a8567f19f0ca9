//! The catalogue: takes what servers list, keeps it on disk, makes views of it.
//!
//! Not a cache of answers: a listing stands until the server lists anew.
//! Invariant: after a restart the view is what it was, before any server is started.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use foundation::Clock;
use futures::future::BoxFuture;
use tokio::sync::watch;

use super::View;
use crate::{
    ServerName,
    config::Config,
    search::{Hit, SearchQuery, ToolUses},
    store::{Store, StoreError},
    trust::Pins,
    upstream::{Listing, Listings, ServerInfo},
};

/// Everything all servers offer, kept up to date.
pub struct Catalogue {
    store: Store,
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    pins: Pins,
    view: ArcSwap<View>,
    revision: watch::Sender<u64>,
    known: ArcSwap<BTreeMap<ServerName, Arc<KnownServer>>>,
    uses: ArcSwap<Option<Arc<dyn ToolUses>>>,
}

/// What is known of a server without asking it.
#[derive(Clone, Debug)]
pub struct KnownServer {
    /// What it said of itself when it last listed.
    pub info: ServerInfo,
    /// What it listed, unfiltered.
    pub listing: Listing,
    /// When, in milliseconds since 1970.
    pub listed_at: i64,
}

impl Catalogue {
    /// The catalogue as it is kept in the store.
    pub fn open(
        store: Store,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, StoreError> {
        let pins = Pins::open(store.clone(), config.trust, clock.clone())?;
        Ok(Arc::new(Self {
            store,
            config,
            clock,
            pins,
            view: ArcSwap::default(),
            revision: watch::Sender::new(0),
            known: ArcSwap::default(),
            uses: ArcSwap::default(),
        }))
    }

    /// The catalogue of this moment.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// The revision of the view, to be told of changes.
    pub fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// What is known of a server, from this run or from before.
    pub fn known(&self, server: &ServerName) -> Option<Arc<KnownServer>> {
        self.known.load().get(server).cloned()
    }

    /// Whether what is known of a server is as young as the server wants it to be.
    pub fn fresh(&self, server: &ServerName) -> bool {
        let now = self.clock.now().as_millisecond();
        self.known(server).is_some_and(|known| {
            known.listing.keep.is_none_or(|keep| {
                let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
                now.saturating_sub(known.listed_at) < keep
            })
        })
    }

    /// The pins of its tools.
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    /// From now on searches know how tools were used.
    pub fn learn(&self, uses: Arc<dyn ToolUses>) {
        self.uses.store(Arc::new(Some(uses)));
    }

    /// The tools that fit, best first.
    pub fn search(&self, query: &SearchQuery) -> Vec<Hit> {
        let _ = query;
        Vec::new()
    }

    /// Reads again what other processes decided: approvals, blocks.
    pub fn refresh(&self) -> Result<(), StoreError> {
        let _ = (&self.store, &self.config);
        Ok(())
    }
}

impl Listings for Catalogue {
    fn listed<'a>(
        &'a self,
        server: &'a ServerName,
        info: &'a ServerInfo,
        listing: Listing,
    ) -> BoxFuture<'a, ()> {
        let _ = (server, info, listing);
        Box::pin(async {})
    }
}
