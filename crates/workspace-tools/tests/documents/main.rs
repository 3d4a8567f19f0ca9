//! Reading documents: good ones in full, hostile ones within their budget.
//!
//! A binary of its own, because it measures the memory of its whole process.

mod bombs;
mod office;
mod samples;
