//! Names become addresses once, and the addresses checked are the ones connected to.
//!
//! Invariant: a name of which any address is refused is refused as a whole, and no error says
//! which address it was.

use std::{io, net::SocketAddr, sync::Arc};

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{Reach, refused_address};

/// Looks names up.
pub trait Names: Send + Sync + 'static {
    /// All addresses of a name.
    fn addresses<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// The system's own way of looking names up.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNames;

impl Names for SystemNames {
    fn addresses<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
    }
}

/// [`Names`] for an HTTP client, without the addresses that are refused.
pub(in crate::oauth) struct GuardedNames {
    pub(in crate::oauth) names: Arc<dyn Names>,
    pub(in crate::oauth) reach: Reach,
}

#[derive(Debug, thiserror::Error)]
#[error("the name leads into a private network")]
pub(in crate::oauth) struct LeadsInside;

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (names, reach) = (Arc::clone(&self.names), self.reach);
        Box::pin(async move {
            let addresses = names.addresses(name.as_str()).await?;
            if addresses
                .iter()
                .any(|address| refused_address(address.ip(), reach))
            {
                return Err(LeadsInside.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
