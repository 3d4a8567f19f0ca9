//! Words every crate shares: time, chance, kinds of failure, settings and nearest names.
//!
//! Not a place for helpers: whatever only two crates need stays in the lower of the two.
//! Invariant: no async and no IO except the two system sources, [`SystemClock`] and
//! [`SystemRandom`], which only programs construct.

mod clock;
mod kind;
mod nearest;
mod random;
pub mod settings;

pub use clock::{Clock, ManualClock, SystemClock};
pub use kind::Kind;
pub use nearest::nearest;
pub use random::{Random, SeededRandom, SystemRandom};
