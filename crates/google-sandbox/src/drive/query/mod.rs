//! The search language of `files.list` and how a file answers to it.
//!
//! Knows the language only, not who may see what. Invariant: whatever Google documents as an
//! operator of a term parses, and nothing else does.

mod lexer;
mod matching;
mod parser;

pub(super) use matching::{Candidate, FullText, matches};
pub(super) use parser::{
    Collection, Comparison, Expression, Flag, Moment, Term, TextOperator, Visibility, parse,
};

/// The query is not one Google understands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the query cannot be understood")]
pub(super) struct InvalidQuery;

/// Whether a term for the full text occurs; such queries cannot be sorted.
pub(super) fn asks_full_text(expression: &Expression) -> bool {
    match expression {
        Expression::All(parts) | Expression::Any(parts) => parts.iter().any(asks_full_text),
        Expression::Not(inner) => asks_full_text(inner),
        Expression::Term(term) => matches!(term, Term::FullText(_)),
    }
}

/// The folders whose contents are asked for.
pub(super) fn folders(expression: &Expression) -> Vec<&str> {
    match expression {
        Expression::All(parts) | Expression::Any(parts) => parts.iter().flat_map(folders).collect(),
        Expression::Not(inner) => folders(inner),
        Expression::Term(Term::In(Collection::Parents, folder)) => vec![folder],
        Expression::Term(_) => Vec::new(),
    }
}
