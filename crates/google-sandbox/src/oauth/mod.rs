//! Sign-in.
//!
//! Invariant: state is plain data.

use serde::{Deserialize, Serialize};

use crate::call::Service;

/// Grants, codes and tokens.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct State {}

pub(crate) const SERVICE: Service =
    Service { name: "oauth2", routes: &[], open: |_, _| {}, seed: |_, _| {} };
