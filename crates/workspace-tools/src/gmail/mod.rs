//! Gmail tools.

use crate::{Entry, tool::entry};

mod list_labels;

/// The registry of this service.
pub(crate) const TOOLS: &[Entry] = &[entry::<list_labels::ListLabels>()];
