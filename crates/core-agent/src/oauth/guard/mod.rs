//! Where the flows may connect to: addresses, and the URLs that servers name.
//!
//! Pure decisions; [`super::fetch`] obeys them, after names are resolved.
//! Invariant: an address that no server may name (link-local, cloud metadata, multicast) stays
//! refused whatever is configured.

mod address;
mod names;
mod url;

pub(super) use address::Reach;
pub(super) use names::{GuardedNames, LeadsInside};
pub use names::{Names, SystemNames};
pub(super) use url::{BadUrl, browser_url, flow_url};
