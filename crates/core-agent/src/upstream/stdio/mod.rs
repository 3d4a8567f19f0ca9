//! Servers on stdio: programs started as children, and the conversation over their pipes.
//!
//! A child runs under a supervisor, a small process of this same program that outlives nothing:
//! when the hub goes, in whatever way, the supervisor ends everything that came of the child and
//! then itself. Not the decision when to start or restart a server: that is the manager's.
//! Invariant: no process started here, nor any of its descendants, outlives its [`Child`].

mod adopted;
mod child;
mod containment;
mod door;
mod environment;
mod expected;
mod health;
mod lines;
mod pages;
mod ring;
mod supervisor;
mod transport;

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use secrecy::SecretString;

use crate::{ServerName, config::ContainmentConfig};

pub use child::{Child, Exit};
pub use containment::hide_from_children;
pub use door::{RawDoor, RawFault};
pub use environment::find_program;
pub use health::{Counts, Problem, TransportHealth};
pub use pages::keep_pages_small;
pub use ring::{Redact, StderrRing, log_file};
pub use supervisor::take_over;
pub use transport::{NOT_MCP, SendFault, StdioTransport};

/// What is started, and how.
#[derive(Clone)]
pub struct ChildSpec {
    /// The server it is.
    pub server: ServerName,
    /// The program: a path, or a name to be found on the `PATH`. Never a shell line.
    pub command: String,
    /// Its arguments, references resolved.
    pub args: Vec<String>,
    /// Its variables beyond those passed on, references resolved.
    pub env: BTreeMap<String, SecretString>,
    /// The hub's own variables, of which only a few are passed on.
    pub surroundings: Arc<BTreeMap<String, String>>,
    /// Names of the hub's variables that are passed on beyond the usual ones.
    pub inherit: Vec<String>,
    /// The working folder; the hub's when absent.
    pub cwd: Option<PathBuf>,
    /// The limits.
    pub containment: ContainmentConfig,
    /// The longest line it may say.
    pub answer_bytes: usize,
    /// This program, which supervises the child ([`take_over`]): `std::env::current_exe()`.
    pub executable: PathBuf,
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Arguments and values may be secrets.
        f.debug_struct("ChildSpec")
            .field("server", &self.server)
            .field("command", &self.command)
            .field("env", &self.env.keys())
            .field("inherit", &self.inherit)
            .field("cwd", &self.cwd)
            .field("containment", &self.containment)
            .finish_non_exhaustive()
    }
}
