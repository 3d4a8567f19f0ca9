//! Flags that every command with a server behind it takes; each stands for a setting.

use std::{io, sync::Arc};

use clap::Args;
use foundation::{
    SystemClock,
    settings::{Fault, Faults, Setting},
};
use mcp_service::telemetry::{self, LogFormat};
use tokio::net::TcpListener;

use super::Printer;
use crate::{
    config::{self, BadConfig, Config, Layers, settings},
    listen::listen,
};

/// Flags of a server.
#[derive(Args, Clone, Debug, Default)]
pub struct ServerOptions {
    /// The HTTP port [default: 8000].
    #[arg(long)]
    pub port: Option<u16>,
    /// The address to listen on [default: 127.0.0.1].
    #[arg(long)]
    pub host: Option<String>,
    /// The services to offer [default: all].
    #[arg(long, num_args = 0.., value_name = "SERVICE")]
    pub tools: Option<Vec<String>>,
    /// How many tools to offer: core, extended or complete.
    #[arg(long, value_name = "TIER")]
    pub tool_tier: Option<String>,
    /// Offer only tools that change nothing.
    #[arg(long)]
    pub read_only: bool,
    /// The most a service's tools may do, such as gmail:read.
    #[arg(long, num_args = 1.., value_name = "SERVICE:LEVEL")]
    pub permissions: Option<Vec<String>>,
    /// Use whatever credential is stored.
    #[arg(long)]
    pub single_user: bool,
    /// A TOML file with settings.
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
}

impl ServerOptions {
    /// The layers of values under these flags.
    fn layers(&self, faults: &mut Faults) -> Layers {
        let mut layers = Layers::of_process(self.config.as_deref(), faults);
        let mut set = |setting: Setting, value: Option<String>| {
            if let Some(value) = value {
                layers.set(setting, value);
            }
        };
        set(settings::PORT, self.port.map(|port| port.to_string()));
        set(settings::HOST, self.host.clone());
        set(
            settings::TOOLS,
            self.tools.as_ref().map(|tools| tools.join(",")),
        );
        set(settings::TOOL_TIER, self.tool_tier.clone());
        set(
            settings::READ_ONLY,
            self.read_only.then(|| "true".to_owned()),
        );
        set(
            settings::PERMISSIONS,
            self.permissions.as_ref().map(|levels| levels.join(",")),
        );
        set(
            settings::SINGLE_USER,
            self.single_user.then(|| "true".to_owned()),
        );
        layers
    }

    /// The configuration under these flags with every fault, good enough to run or not.
    pub fn read(&self) -> (Config, Vec<Fault>, Layers) {
        let mut faults = Faults::default();
        let layers = self.layers(&mut faults);
        let config = config::read(&layers, &mut faults);
        (config, faults.all().to_vec(), layers)
    }

    /// The configuration, or every fault as an error. Warnings are printed. Logs start.
    pub fn start(&self, format: LogFormat) -> anyhow::Result<Config> {
        let (config, faults, layers) = self.read();
        if faults.iter().any(|fault| fault.fatal) {
            return Err(BadConfig(faults).into());
        }
        announce(&layers);
        begin(&config, &faults, format)?;
        Ok(config)
    }

    /// The same with the address of the server taken.
    pub async fn start_listening(
        &self,
        format: LogFormat,
    ) -> anyhow::Result<(Config, io::Result<TcpListener>)> {
        let mut faults = Faults::default();
        let layers = self.layers(&mut faults);
        if faults.fatal() {
            return Err(BadConfig(faults.all().to_vec()).into());
        }
        announce(&layers);
        let listening = listen(layers).await?;
        begin(&listening.config, &listening.warnings, format)?;
        Ok((listening.config, listening.listener))
    }
}

/// Says which settings came under a name that wins over their own; never the values.
fn announce(layers: &Layers) {
    for setting in settings::ALL.iter().flat_map(|(_, settings)| *settings) {
        if let Some((_, name)) = setting.read(layers)
            && setting.overrides.contains(&name)
            && name != settings::PORT.overrides[0]
        {
            Printer.problem(&format!("{} is taken from {name}", setting.name));
        }
    }
}

fn begin(config: &Config, warnings: &[Fault], default_format: LogFormat) -> anyhow::Result<()> {
    for warning in warnings {
        Printer.problem(&format!("warning: {warning}"));
    }
    let format = match config.log_format.as_deref() {
        Some("json") => LogFormat::Json,
        Some("text") => LogFormat::Text,
        _ => default_format,
    };
    telemetry::init(&config.log_level, format, Arc::new(SystemClock))?;
    Ok(())
}
