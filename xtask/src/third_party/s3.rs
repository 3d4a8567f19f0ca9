//! The credential store on S3 servers that others wrote, with signatures and permissions enforced:
//! moto first, ministack second.
//!
//! Not the tests themselves: those are the store's own contract. Invariant: the tests get the keys
//! of a user who may use one bucket and nothing else.

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use super::{
    Runtime, Workplace,
    install::{checked, venv},
};

pub(super) const NEEDS: &[Runtime] = &[Runtime::Python];

const START: Duration = Duration::from_mins(1);

/// A server and how it is started.
struct Server {
    name: &'static str,
    packages: &'static [&'static str],
    program: &'static str,
    arguments: &'static [&'static str],
    variables: &'static [(&'static str, &'static str)],
}

/// `PORT` stands for the port.
const SERVERS: &[Server] = &[
    Server {
        name: "moto",
        packages: &["moto[server]==5.2.5", "boto3==1.44.5"],
        program: "moto_server",
        arguments: &["-H", "127.0.0.1", "-p", "PORT"],
        variables: &[],
    },
    Server {
        name: "ministack",
        packages: &["ministack==1.5.33", "boto3==1.43.106"],
        program: "ministack",
        arguments: &[],
        variables: &[("AUTH", "true"), ("GATEWAY_PORT", "PORT")],
    },
];

pub(super) fn run(workplace: &Workplace<'_>) -> anyhow::Result<()> {
    for server in SERVERS {
        println!("-- {}", server.name);
        let folder = workplace.folder.join(server.name);
        std::fs::create_dir_all(&folder)?;
        let python = venv(&folder, server.packages)?;
        let port = free_port()?;
        let running = server.start(&python, &folder, port)?;
        let variables = prepare(workplace.root, &python, server.name, port)?;
        checked(
            crate::cargo(workplace.root)
                .args([
                    "test",
                    "--locked",
                    "--package",
                    "workspace-auth",
                    "--test",
                    "it",
                    "--",
                ])
                .args(["s3_contract", "--nocapture"])
                .env("S3_REQUIRED", "1")
                .envs(variables),
        )?;
        drop(running);
    }
    Ok(())
}

impl Server {
    fn start(&self, python: &Path, folder: &Path, port: u16) -> anyhow::Result<Running> {
        let filled = |text: &str| text.replace("PORT", &port.to_string());
        let log = std::fs::File::create(folder.join("server.log"))?;
        let child = Command::new(python.with_file_name(self.program))
            .args(self.arguments.iter().map(|argument| filled(argument)))
            .envs(
                self.variables
                    .iter()
                    .map(|(name, value)| (*name, filled(value))),
            )
            // Whatever it keeps, it keeps here, and no real keys are found.
            .env("HOME", folder)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", self.name))?;
        let mut running = Running(child);
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = running.0.try_wait()? {
                bail!(
                    "{} ended with {status}; see {}",
                    self.name,
                    folder.display()
                );
            }
            if begun.elapsed() > START {
                bail!("{} does not listen after {START:?}", self.name);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(running)
    }
}

/// Creates buckets, key and user; the variables that name them.
fn prepare(
    root: &Path,
    python: &Path,
    name: &str,
    port: u16,
) -> anyhow::Result<Vec<(String, String)>> {
    let output = Command::new(python)
        .arg(root.join("tests/third-party/s3/prepare.py"))
        .args([&format!("http://127.0.0.1:{port}"), name])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        bail!("preparing {name} ended with {}", output.status);
    }
    let text = String::from_utf8(output.stdout)?;
    let variables = text.lines().filter_map(|line| line.split_once('='));
    Ok(variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

/// A free port below those the system gives to outgoing connections: knocking at one of those
/// until somebody answers may end in a connection with oneself.
fn free_port() -> anyhow::Result<u16> {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000)?;
    (first..32_000)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .context("no port is free between 20000 and 32000")
}

/// A server that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
