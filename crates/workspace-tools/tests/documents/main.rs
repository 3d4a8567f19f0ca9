//! Reading documents: good ones in full, hostile ones within their budget.
//!
//! A binary of its own, because it measures the memory of its whole process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "figures are worth reading")]

mod bombs;
mod office;
mod samples;
