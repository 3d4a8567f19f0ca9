//! Google's official Python client against the sandbox: sign-in, Gmail, Drive, Calendar.
//!
//! The operations are in `tests/third-party/google_client/`. Invariant: at least sixty of them run,
//! or the suite fails.

use std::process::Command;

use testkit::Program;

use super::{
    Runtime, Workplace,
    install::{checked, venv},
};

pub(super) const NEEDS: &[Runtime] = &[Runtime::Python];

const PACKAGES: &[&str] = &[
    "google-api-python-client==2.202.0",
    "google-auth==2.62.2",
    "google-auth-httplib2==0.4.4",
    "google-auth-oauthlib==1.5.0",
    "pyjwt[crypto]==2.15.1",
    "requests==2.34.2",
];

pub(super) fn run(workplace: &Workplace<'_>) -> anyhow::Result<()> {
    let root = workplace.root;
    let python = venv(&workplace.folder, PACKAGES)?;
    workplace.build(&["--package", "workspace-mcp"])?;
    let binary = root.join("target/debug/workspace-mcp");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let (sandbox, address) = runtime.block_on(async {
        let mut sandbox = Program::start(&binary, &["sandbox", "--port", "0"], &[])?;
        let address = sandbox.address().await?;
        anyhow::Ok((sandbox, address))
    })?;
    let script = root.join("tests/third-party/google_client/main.py");
    let judged = checked(
        Command::new(&python)
            .arg("-B")
            .arg(script)
            .env("GOOGLE_API_BASE", format!("http://{address}")),
    );
    runtime.block_on(sandbox.stop())?;
    judged
}
