//! `core-agent validate`: everything that is wrong with the configuration, at once.
//!
//! Invariant: it starts nothing, changes nothing and shows no secret.

use std::{process::ExitCode, sync::Arc};

use clap::Args;
use foundation::SystemClock;
use serde_json::json;

use super::{Common, Printer};
use crate::{
    catalogue::{Catalogue, View},
    config::{Fault, LoadOptions, Loaded, Severity, load},
    policy::Policy,
    store::Store,
};

/// Say everything that is wrong with the configuration.
///
/// Ends with 0 when every server can be used, 1 otherwise; what is merely worth saying does not
/// count.
#[derive(Debug, Args)]
pub(super) struct Validate {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Validate {
    pub(super) fn run(self, common: &Common) -> anyhow::Result<ExitCode> {
        let options = LoadOptions::of_process()?.with(common);
        let (faults, sources, servers) = match load(&options) {
            Ok(loaded) => {
                let sources = loaded.sources.iter().map(ToString::to_string).collect();
                let policies = policy_faults(&loaded);
                let faults = policies.into_iter().chain(loaded.warnings).collect();
                (faults, sources, loaded.config.servers.len())
            }
            Err(faults) => (faults.0, Vec::<String>::new(), 0),
        };
        let of = |severity| {
            let all: Vec<&Fault> = faults
                .iter()
                .filter(|fault| fault.severity == severity)
                .collect();
            all.len()
        };
        let errors = of(Severity::Error);
        let unavailable = of(Severity::Unavailable);
        let warnings = of(Severity::Warning);
        let good = errors + unavailable == 0;
        if self.json {
            let report = json!({
                "valid": good,
                "usable": errors == 0,
                "errors": errors,
                "unavailable": unavailable,
                "warnings": warnings,
                "servers": servers,
                "sources": sources,
                "faults": faults,
            });
            Printer.line(&format!("{report:#}"));
        } else {
            for fault in &faults {
                Printer.line(&fault.to_string());
            }
            let read = if sources.is_empty() {
                String::new()
            } else {
                format!("servers: {servers}, read from {}; ", sources.join(", "))
            };
            Printer.line(&format!(
                "{read}errors: {errors}, missing: {unavailable}, warnings: {warnings}"
            ));
            if errors == 0 && sources.is_empty() {
                Printer.line("no configuration was found: make one with core-agent import --write");
            }
        }
        Ok(if good {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// What is wrong with the policies, beside the catalogue as it was last seen.
fn policy_faults(loaded: &Loaded) -> Vec<Fault> {
    let faults = match Policy::load(&loaded.config.policy.files) {
        Ok(policy) => policy.check(&known(loaded), &loaded.config),
        Err(faults) => faults,
    };
    faults
        .into_iter()
        .map(|fault| Fault {
            severity: Severity::Error,
            place: None,
            key: "policy.files".into(),
            problem: fault.to_string(),
            advice: String::new(),
        })
        .collect()
}

/// The tools servers listed when they were last there; none when nothing was kept yet.
fn known(loaded: &Loaded) -> Arc<View> {
    let file = loaded.state_path().join("core-agent.db");
    if !file.exists() {
        return Arc::new(View::default());
    }
    Store::open(&file)
        .and_then(|store| Catalogue::open(store, loaded.config.clone(), Arc::new(SystemClock)))
        .map_or_else(|_| Arc::new(View::default()), |catalogue| catalogue.view())
}
