//! Who is calling.
//!
//! A principal owns accounts; it is established by the transport (the owner of the process, a
//! trusted service, later a verified token). Invariant: no principal is ever made from an e-mail
//! address or any other argument of a request.

use std::fmt;

/// The identity on whose behalf something is done.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Principal {
    /// Stable and unique within its kind: never shown to other principals.
    pub id: String,
    /// How far its rights reach.
    pub kind: PrincipalKind,
}

/// The kinds of callers.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PrincipalKind {
    /// The owner of this process: stdio, or HTTP on loopback. Every account in the store is theirs.
    Local,
    /// A service inside the trusted network that acts for many people: it names the account.
    Service,
    /// One signed-in person: only the accounts they linked themselves.
    User,
}

impl Principal {
    /// The owner of this process.
    pub fn local() -> Self {
        Self {
            id: "local".to_owned(),
            kind: PrincipalKind::Local,
        }
    }

    /// The trusted service `id`.
    pub fn service(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            kind: PrincipalKind::Service,
        }
    }

    /// The person `id`, the subject of a verified token.
    pub fn user(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            kind: PrincipalKind::User,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            PrincipalKind::Local => "local",
            PrincipalKind::Service => "service",
            PrincipalKind::User => "user",
        };
        write!(f, "{kind}:{}", self.id)
    }
}
