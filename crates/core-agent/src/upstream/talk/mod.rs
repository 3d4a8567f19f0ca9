//! One conversation with one server, over whatever carries it.
//!
//! Not when a conversation is opened or replaced: that is a line's. Invariant: an answer, a
//! question or a word of progress reaches the request it belongs to or nobody.

mod conversation;
mod ear;
mod flights;
mod greet;
mod tap;

pub(super) use conversation::{Conversation, Opening, Word};
pub(super) use flights::Flight;
pub(super) use greet::{Greeting, NoGreeting};
