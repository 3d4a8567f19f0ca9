//! The simulated APIs, one line each.
//!
//! Not a router: the catalogue finds the method, this list finds its handler. Invariant: every id
//! in the list exists in Google's description, checked by a test.

use crate::{
    calendar,
    call::{Handler, Service},
    drive, gmail, oauth,
};

/// Every simulated API.
pub(crate) const ALL: &[Service] = &[
    oauth::SERVICE,
    gmail::SERVICE,
    drive::SERVICE,
    calendar::SERVICE,
];

/// The handler of a method, if it is simulated.
pub(crate) fn handler(id: &str) -> Option<Handler> {
    let routes = ALL.iter().flat_map(|service| service.routes);
    routes
        .clone()
        .find(|(known, _)| *known == id)
        .map(|(_, handler)| *handler)
}
