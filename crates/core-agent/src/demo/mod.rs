//! The demonstration: what the hub does, shown with real servers.
//!
//! Not a tour of every command. Invariants: nothing is printed that did not come out of a call made
//! at that moment; a step that did not work is said to have failed, and so does the whole.

mod packages;
mod sandbox;
pub mod servers;
mod show;
mod stage;
mod steps;

pub use show::Show;
pub use stage::Stage;
pub use steps::all;
