//! Which tools a server offers: by service, tier, read-only and permission level.
//!
//! Invariant: what is not selected can be neither listed nor called.

use std::collections::BTreeMap;

use crate::{Access, Meta, Service, Tier};

/// The most a service's tools may do.
pub type Permission = Access;

/// Which tools are offered.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The services; empty means all.
    pub services: Vec<Service>,
    /// The tier.
    pub tier: Tier,
    /// The most any tool may do.
    pub most: Permission,
    /// The most the tools of a service may do, where that is less.
    pub most_per_service: BTreeMap<Service, Permission>,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            services: Vec::new(),
            tier: Tier::Complete,
            most: Access::Destructive,
            most_per_service: BTreeMap::new(),
        }
    }
}

impl Selection {
    /// Whether a tool is offered.
    pub fn offers(&self, meta: &Meta) -> bool {
        let always = meta.service == Service::Accounts;
        let service = always || self.services.is_empty() || self.services.contains(&meta.service);
        let most = self
            .most_per_service
            .get(&meta.service)
            .copied()
            .unwrap_or(self.most);
        service && (always || meta.tier <= self.tier && meta.access <= most.min(self.most))
    }
}
