//! Which answers are expected.
//!
//! Pure. Invariant: memory is bounded however many questions are never answered.

use std::collections::{HashSet, VecDeque};

use rmcp::model::RequestId;

/// Questions remembered as open; the oldest are forgotten.
const OPEN: usize = 8_192;
/// Answers remembered.
const ANSWERED: usize = 1_024;

/// The questions asked, and those answered of late.
#[derive(Default)]
pub(super) struct Expected {
    open: Recent,
    answered: Recent,
}

/// What an answer is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    /// The first to a question that was asked.
    First,
    /// Another to the same question.
    Again,
    /// To no question.
    Unasked,
}

#[derive(Default)]
struct Recent {
    set: HashSet<RequestId>,
    order: VecDeque<RequestId>,
}

impl Expected {
    /// A question was asked.
    pub(super) fn asked(&mut self, id: RequestId) {
        self.answered.remove(&id);
        self.open.insert(id, OPEN);
    }

    /// An answer came.
    pub(super) fn answered(&mut self, id: &RequestId) -> Answer {
        // Some servers turn numbers into texts.
        let number = match id {
            RequestId::String(text) => text.parse().ok().map(RequestId::Number),
            RequestId::Number(_) => None,
        };
        for id in std::iter::once(id).chain(&number) {
            if self.open.remove(id) {
                self.answered.insert(id.clone(), ANSWERED);
                return Answer::First;
            }
            if self.answered.set.contains(id) {
                return Answer::Again;
            }
        }
        Answer::Unasked
    }
}

impl Recent {
    fn insert(&mut self, id: RequestId, most: usize) {
        if self.set.insert(id.clone()) {
            self.order.push_back(id);
        }
        // What was removed out of order leaves its place behind.
        while self.order.len() > most {
            if let Some(oldest) = self.order.pop_front() {
                self.set.remove(&oldest);
            }
        }
    }

    fn remove(&mut self, id: &RequestId) -> bool {
        let there = self.set.remove(id);
        if there && self.order.front() == Some(id) {
            self.order.pop_front();
        } else if there {
            self.order.retain(|kept| kept != id);
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_question_has_one_answer() {
        let mut expected = Expected::default();
        expected.asked(RequestId::Number(1));
        expected.asked(RequestId::Number(2));
        assert_eq!(expected.answered(&RequestId::Number(2)), Answer::First);
        assert_eq!(expected.answered(&RequestId::Number(2)), Answer::Again);
        let text = RequestId::String("1".into());
        assert_eq!(expected.answered(&text), Answer::First);
        assert_eq!(expected.answered(&text), Answer::Again);
        assert_eq!(expected.answered(&RequestId::Number(9)), Answer::Unasked);
    }

    #[test]
    fn questions_never_answered_are_forgotten() {
        let mut expected = Expected::default();
        for number in 0..100_000 {
            expected.asked(RequestId::Number(number));
        }
        assert_eq!(expected.open.set.len(), OPEN);
        assert_eq!(expected.open.order.len(), OPEN);
        assert_eq!(expected.answered(&RequestId::Number(0)), Answer::Unasked);
        assert_eq!(expected.answered(&RequestId::Number(99_999)), Answer::First);
    }
}
