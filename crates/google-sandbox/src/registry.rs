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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use google_discovery::catalogue;

    use super::ALL;

    #[test]
    fn every_simulated_method_exists_once_in_the_api_it_stands_under() {
        let mut seen = HashSet::new();
        for service in ALL {
            for (id, _) in service.routes {
                let method = catalogue()
                    .method(id)
                    .unwrap_or_else(|unknown| panic!("{unknown}"));
                assert_eq!(method.api_name, service.name, "{id}");
                assert!(seen.insert(id), "{id} stands twice");
            }
        }
    }
}
