//! Google Drive tools.

use crate::Entry;

/// The registry of this service.
pub(crate) const TOOLS: &[Entry] = &[];
