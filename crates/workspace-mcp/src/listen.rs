//! Listening before configuring: URLs the server tells contain its port, which the system chooses
//! when the setting is 0.

use std::io;

use foundation::settings::Fault;
use tokio::net::TcpListener;

use crate::config::{self, BadConfig, Config, Layers, settings};

/// A configuration whose port is known, and the listener that holds it.
pub struct Listening {
    /// The configuration.
    pub config: Config,
    /// What was found that does not prevent a start.
    pub warnings: Vec<Fault>,
    /// The listener, or why the address cannot be had.
    pub listener: io::Result<TcpListener>,
}

/// Reads the configuration and takes its address.
pub async fn listen(mut layers: Layers) -> Result<Listening, BadConfig> {
    let (mut config, mut warnings) = config::read_strictly(&layers)?;
    let listener = TcpListener::bind(config.http.bind).await;
    if let (0, Ok(listener)) = (config.http.bind.port(), &listener)
        && let Ok(address) = listener.local_addr()
    {
        layers.set(settings::PORT, address.port().to_string());
        (config, warnings) = config::read_strictly(&layers)?;
    }
    Ok(Listening {
        config,
        warnings,
        listener,
    })
}
