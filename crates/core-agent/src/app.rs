//! All parts of the program, put together once.
//!
//! Not the decision what to do with them: that is a command's.
//! Invariant: nothing is started here that a command does not need: servers start when they are
//! first asked.

use std::{
    collections::HashMap,
    io::IsTerminal,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use anyhow::Context;
use foundation::{Clock, Random, SystemClock, SystemRandom};
use jiff::{SignedDuration, Timestamp};
use mcp_service::{Metrics, telemetry::LogFormat};
use tokio_util::sync::CancellationToken;

use crate::{
    ServerName,
    alerts::Watch,
    approvals::Approvals,
    catalogue::Catalogue,
    commands::Common,
    config::{Config, LoadOptions, Loaded, TelemetryConfig, Variables, load},
    hub::{Hub, HubOptions},
    journal::{Journal, stats},
    metrics::CallMetrics,
    oauth::SignIns,
    pipeline::{Pipeline, PipelineOptions},
    policy::Policy,
    search::{ToolUse, ToolUses},
    secret::Secrets,
    store::Store,
    telemetry::Spans,
    trust::CommandPins,
    upstream::{UpstreamOptions, Upstreams},
};

/// The parts.
pub struct App {
    /// The configuration.
    pub config: Arc<Config>,
    /// The folder of everything kept.
    pub state: PathBuf,
    /// Looks secrets up.
    pub secrets: Arc<Secrets>,
    /// The database.
    pub store: Store,
    /// The servers.
    pub servers: Arc<Upstreams>,
    /// What they offer.
    pub catalogue: Arc<Catalogue>,
    /// The commands somebody approved.
    pub commands: Arc<CommandPins>,
    /// What is allowed.
    pub policy: Arc<Policy>,
    /// What persons decided.
    pub approvals: Approvals,
    /// What was done.
    pub journal: Journal,
    /// The way of every call.
    pub pipeline: Arc<Pipeline>,
    /// The hub as an MCP server.
    pub hub: Arc<Hub>,
    /// The process's figures.
    pub metrics: Metrics,
    /// Where traces go.
    pub spans: Spans,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// Cancelled at the end.
    ended: CancellationToken,
}

/// Loads what the command line says.
pub fn loaded(common: &Common) -> anyhow::Result<(Loaded, Variables)> {
    let options = LoadOptions::of_process().context("the working folder is gone")?;
    let loaded = load(&options.with(common))?;
    let variables = Arc::clone(&loaded.variables);
    Ok((loaded, variables))
}

impl App {
    /// Puts everything together as the command line says.
    pub async fn open(common: &Common) -> anyhow::Result<Self> {
        let (loaded, variables) = loaded(common)?;
        Self::with(&loaded, variables).await
    }

    /// Like [`App::open`], with telemetry begun, for a command that serves.
    pub async fn open_serving(common: &Common) -> anyhow::Result<Self> {
        let (loaded, variables) = loaded(common)?;
        begin_telemetry(&loaded.config.telemetry)?;
        for warning in &loaded.warnings {
            tracing::warn!(%warning, "the configuration");
        }
        let app = Self::with(&loaded, variables).await?;
        let (pipeline, ended) = (Arc::clone(&app.pipeline), app.ended.clone());
        tokio::spawn(async move { pipeline.upkeep(ended).await });
        let watch = Watch {
            config: Arc::clone(&app.config),
            servers: Arc::clone(&app.servers) as _,
            pipeline: Arc::clone(&app.pipeline),
            approvals: app.approvals.clone(),
            store: app.store.clone(),
            metrics: app.pipeline.metrics().clone(),
            clock: Arc::clone(&app.clock),
            instance: app.random.hex(8),
        };
        tokio::spawn(watch.run(app.ended.clone()));
        // Approvals given on the command line count here too.
        tokio::spawn(Arc::clone(&app.catalogue).follow(app.ended.clone()));
        Ok(app)
    }

    /// Puts everything together for a configuration.
    pub async fn with(loaded: &Loaded, variables: Variables) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let config = Arc::clone(&loaded.config);
        let state = loaded
            .state_folder()
            .context("the folder of everything kept cannot be made: name another with --state")?;
        let secrets = Arc::new(Secrets::new(Arc::clone(&variables), Arc::clone(&clock)));
        let store = Store::open(&state.join("core-agent.db"))?;
        let catalogue = Catalogue::open(store.clone(), Arc::clone(&config), Arc::clone(&clock))?;
        let commands = Arc::new(CommandPins::open(
            store.clone(),
            config.trust,
            Arc::clone(&clock),
        )?);
        let sign_ins = SignIns::open(
            &config,
            &state,
            variables.as_ref(),
            Arc::clone(&secrets),
            None,
            (Arc::clone(&clock), Arc::clone(&random)),
        )
        .await?;
        let servers = Upstreams::start(UpstreamOptions {
            config: Arc::clone(&config),
            store: store.clone(),
            listings: Arc::clone(&catalogue) as _,
            secrets: Arc::clone(&secrets),
            variables,
            sign_in: Some(Arc::new(sign_ins)),
            command_gate: Some(Arc::clone(&commands) as _),
            state: state.clone(),
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
            executable: std::env::current_exe().context("this program's own file is gone")?,
        });
        let policy = Policy::load(&config.policy.files).map_err(|faults| {
            let lines: Vec<String> = faults
                .iter()
                .map(|fault| format!("{}: {}", fault.file, fault.message))
                .collect();
            anyhow::anyhow!("the policies cannot be used:\n{}", lines.join("\n"))
        })?;
        // A policy about a tool that does not exist forbids nothing, silently.
        for fault in policy.check(&catalogue.view(), &config) {
            tracing::warn!(%fault, "a policy speaks of what is not there");
        }
        let policy = Arc::new(policy);
        let approvals = Approvals::new(
            store.clone(),
            config.policy.approval_minutes,
            Arc::clone(&clock),
            Arc::clone(&random),
        );
        let journal = Journal::open(
            store.clone(),
            &state,
            Arc::clone(&clock),
            Arc::clone(&random),
        )
        .await?;
        catalogue.learn(Arc::new(Measured::new(
            store.clone(),
            &catalogue,
            Arc::clone(&clock),
        )));
        let metrics = Metrics::new();
        let spans = Spans::start(config.telemetry.otlp_endpoint.as_deref())?;
        let shown = Arc::clone(&catalogue);
        let pipeline = Arc::new(Pipeline::new(PipelineOptions {
            config: Arc::clone(&config),
            servers: Arc::clone(&servers) as _,
            view: Arc::new(move || shown.view()),
            policy: Arc::clone(&policy),
            approvals: approvals.clone(),
            journal: journal.clone(),
            store: store.clone(),
            state: state.clone(),
            metrics: CallMetrics::register(&metrics),
            spans: spans.clone(),
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
        }));
        let hub = Hub::new(HubOptions {
            config: Arc::clone(&config),
            servers: Arc::clone(&servers) as _,
            catalogue: Arc::clone(&catalogue),
            pipeline: Arc::clone(&pipeline),
            approvals: approvals.clone(),
            journal: journal.clone(),
            secrets: Arc::clone(&secrets),
            store: store.clone(),
            metrics: metrics.clone(),
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
        })
        .await?;
        Ok(Self {
            config,
            state,
            secrets,
            store,
            servers,
            catalogue,
            commands,
            policy,
            approvals,
            journal,
            pipeline,
            hub,
            metrics,
            spans,
            clock,
            random,
            ended: CancellationToken::new(),
        })
    }

    /// Ends every server and sends what is left to tell.
    pub async fn stop(&self) {
        self.ended.cancel();
        self.journal.flush().await;
        self.servers.stop().await;
        self.spans.stop().await;
    }
}

/// How tools were used, as the journal counted it, read again now and then.
struct Measured {
    store: Store,
    catalogue: Weak<Catalogue>,
    clock: Arc<dyn Clock>,
    kept: Mutex<(Option<Timestamp>, Arc<Uses>)>,
}

type Uses = HashMap<(ServerName, String), ToolUse>;

/// How long the statistics are believed.
const BELIEVED: SignedDuration = SignedDuration::from_secs(10);

impl Measured {
    fn new(store: Store, catalogue: &Arc<Catalogue>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            // The catalogue owns this.
            catalogue: Arc::downgrade(catalogue),
            clock,
            kept: Mutex::default(),
        }
    }

    fn uses(&self) -> Arc<Uses> {
        let now = self.clock.now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let young = kept
            .0
            .is_some_and(|read| now.duration_since(read).abs() < BELIEVED);
        if !young && let Some(catalogue) = self.catalogue.upgrade() {
            let counted = stats(&self.store).unwrap_or_default();
            let view = catalogue.view();
            let uses = counted
                .into_iter()
                .filter_map(|stats| {
                    let tool = view.tool(&stats.tool)?;
                    let used = ToolUse {
                        calls: stats.calls,
                        failures: stats.calls.saturating_sub(stats.ok),
                    };
                    Some(((tool.server.clone(), tool.original.name.to_string()), used))
                })
                .collect();
            *kept = (Some(now), Arc::new(uses));
        }
        Arc::clone(&kept.1)
    }
}

impl ToolUses for Measured {
    fn of(&self, server: &ServerName, tool: &str) -> ToolUse {
        self.uses()
            .get(&(server.clone(), tool.to_owned()))
            .copied()
            .unwrap_or_default()
    }
}

/// Sends this process's log lines to standard error.
fn begin_telemetry(config: &TelemetryConfig) -> anyhow::Result<()> {
    let format = match config.log_format.as_deref() {
        Some("json") => LogFormat::Json,
        Some("text") => LogFormat::Text,
        _ if std::io::stderr().is_terminal() => LogFormat::Text,
        _ => LogFormat::Json,
    };
    let level = config.log_level.as_deref().unwrap_or("info");
    mcp_service::telemetry::init(level, format, Arc::new(SystemClock))?;
    Ok(())
}
