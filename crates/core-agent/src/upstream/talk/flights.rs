//! The requests at work in one conversation, and who can be asked on their behalf.
//!
//! Invariant: what a server asks or says is never put to a person whose request it may not
//! belong to.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
};

use rmcp::model::{ProgressToken, RequestId, ServerNotification};
use tokio::sync::mpsc;

use crate::{Actor, ClientSide, Fault};

/// Words of one request that wait to be passed on; more are dropped.
const WORDS_KEPT: usize = 256;
/// Not written yet.
const WAITING: u8 = 0;
/// The server may have it.
const BEGUN: u8 = 1;
/// Nobody waits for it any more, and it was never written.
const CALLED_OFF: u8 = 2;

/// One request at work. It travels inside the request to the place where it is written.
pub(in crate::upstream) struct Flight {
    /// Who it is for.
    pub(in crate::upstream) actor: Arc<Actor>,
    /// What is asked, such as `tools/call send_mail`.
    pub(in crate::upstream) operation: String,
    client: Option<Arc<dyn ClientSide>>,
    /// Whether the server may ask something while it works on it.
    asks: bool,
    stage: AtomicU8,
    asking: AtomicUsize,
    trouble: Mutex<Option<Fault>>,
    words: mpsc::Sender<ServerNotification>,
}

/// The requests at work.
#[derive(Default)]
pub(in crate::upstream) struct Flights(Mutex<Table>);

#[derive(Default)]
struct Table {
    by_id: HashMap<RequestId, Arc<Flight>>,
    by_token: HashMap<ProgressToken, Arc<Flight>>,
}

/// Nobody can be asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Nobody {
    /// No request at work has a client behind it.
    There,
    /// Several could be meant, and they are not the same person's.
    Certain,
}

impl Flight {
    /// A request about to be made, and its words.
    pub(super) fn new(
        actor: Arc<Actor>,
        client: Option<Arc<dyn ClientSide>>,
        operation: String,
        asks: bool,
    ) -> (Arc<Self>, mpsc::Receiver<ServerNotification>) {
        let (words, said) = mpsc::channel(WORDS_KEPT);
        let flight = Self {
            actor,
            operation,
            client,
            asks,
            stage: AtomicU8::new(WAITING),
            asking: AtomicUsize::new(0),
            trouble: Mutex::new(None),
            words,
        };
        (Arc::new(flight), said)
    }

    /// Says that the server cannot have had it after all.
    pub(super) fn unbegin(&self) {
        self.stage.store(WAITING, Ordering::Release);
    }

    /// Gives it up. Whether the server may have it; when not, it is never written.
    pub(super) fn give_up(&self) -> bool {
        self.step(WAITING, CALLED_OFF) == BEGUN
    }

    /// Says that the server may have it from now on, unless it was given up.
    fn begin(&self) -> bool {
        self.step(WAITING, BEGUN) != CALLED_OFF
    }

    /// From one stage to another; the stage that was found.
    fn step(&self, from: u8, to: u8) -> u8 {
        self.stage
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .unwrap_or_else(|found| found)
    }

    /// Says why the answer will not come, where that is known.
    pub(in crate::upstream) fn trouble(&self, fault: Fault) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }

    /// Why the answer did not come, where that is known.
    pub(super) fn troubled(&self) -> Option<Fault> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether a person is being asked on its behalf, which takes as long as it takes.
    pub(super) fn asking(&self) -> bool {
        self.asking.load(Ordering::Acquire) > 0
    }

    /// Says that a person is being asked, until the guard is dropped.
    pub(super) fn ask(self: &Arc<Self>) -> Asking {
        self.asking.fetch_add(1, Ordering::AcqRel);
        Asking(self.clone())
    }

    /// The client behind it.
    pub(super) fn client(&self) -> Option<&Arc<dyn ClientSide>> {
        self.client.as_ref()
    }

    fn same_person(&self, other: &Self) -> bool {
        let (one, two) = (&self.actor, &other.actor);
        one.principal == two.principal
            && one.user.email == two.user.email
            && one.user.id == two.user.id
    }
}

/// A person is being asked while this lives.
pub(super) struct Asking(Arc<Flight>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.asking.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Flights {
    /// A request is about to be written. `false` when it was given up before.
    pub(super) fn took_off(
        &self,
        id: RequestId,
        token: Option<ProgressToken>,
        flight: Arc<Flight>,
    ) -> bool {
        let mut table = self.table();
        if !flight.begin() {
            return false;
        }
        if let Some(token) = token {
            table.by_token.insert(token, flight.clone());
        }
        table.by_id.insert(id, flight);
        true
    }

    /// A request is done with, whatever became of it.
    pub(super) fn landed(&self, id: &RequestId, token: &ProgressToken, flight: &Flight) {
        // First, so that it cannot take off once it is off the table.
        flight.give_up();
        let mut table = self.table();
        table.by_id.remove(id);
        table.by_token.remove(token);
    }

    /// How many are at work.
    pub(in crate::upstream) fn len(&self) -> usize {
        self.table().by_id.len()
    }

    /// Gives a word of progress to its request. `false` when it belongs to none.
    pub(super) fn progressed(&self, token: &ProgressToken, word: ServerNotification) -> bool {
        let flight = self.table().by_token.get(token).cloned();
        let Some(flight) = flight else { return false };
        // A reader that is behind misses words of progress, never the answer.
        let _ = flight.words.try_send(word);
        true
    }

    /// Gives a log message to the request it must belong to. Gives it back when there is none.
    pub(super) fn logged(&self, word: ServerNotification) -> Option<ServerNotification> {
        match self.asked(None) {
            Ok(flight) => {
                let _ = flight.words.try_send(word);
                None
            }
            Err(_) => Some(word),
        }
    }

    /// The request on whose behalf the server asks: the one whose answer the question came
    /// with, or else the only one that can be meant.
    pub(super) fn asked(&self, with: Option<&RequestId>) -> Result<Arc<Flight>, Nobody> {
        let table = self.table();
        if let Some(id) = with {
            let flight = table.by_id.get(id).ok_or(Nobody::There)?;
            return match flight.client {
                Some(_) => Ok(flight.clone()),
                None => Err(Nobody::There),
            };
        }
        let mut able = table.by_id.values().filter(|flight| flight.asks);
        let Some(first) = able.next() else {
            return Err(Nobody::There);
        };
        let mut chosen = first;
        for flight in able {
            // One without a client may be the one that is meant, so it counts.
            if !flight.same_person(first) {
                return Err(Nobody::Certain);
            }
            if chosen.client.is_none() {
                chosen = flight;
            }
        }
        match chosen.client {
            Some(_) => Ok(chosen.clone()),
            None => Err(Nobody::There),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Flight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flight")
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::future::{BoxFuture, FutureExt};
    use mcp_service::Principal;
    use rmcp::model::{ClientCapabilities, ClientResult, ErrorData, NumberOrString, ServerRequest};

    use super::*;

    struct Somebody;

    impl ClientSide for Somebody {
        fn capabilities(&self) -> ClientCapabilities {
            ClientCapabilities::default()
        }
        fn ask(&self, _: ServerRequest) -> BoxFuture<'_, Result<ClientResult, ErrorData>> {
            async { Ok(ClientResult::empty(())) }.boxed()
        }
        fn tell(&self, _: ServerNotification) -> BoxFuture<'_, ()> {
            async {}.boxed()
        }
    }

    fn flight(flights: &Flights, id: i64, who: &str, client: bool, asks: bool) -> RequestId {
        let actor = Actor {
            principal: Principal::new(who),
            ..Actor::local()
        };
        let client = client.then(|| Arc::new(Somebody) as Arc<dyn ClientSide>);
        let (flight, _) = Flight::new(Arc::new(actor), client, id.to_string(), asks);
        let id = NumberOrString::Number(id);
        assert!(flights.took_off(id.clone(), None, flight));
        id
    }

    #[test]
    fn a_question_goes_to_the_only_one_it_can_be_for() {
        let flights = Flights::default();
        assert_eq!(flights.asked(None).unwrap_err(), Nobody::There);
        let first = flight(&flights, 1, "ann", true, true);
        assert_eq!(flights.asked(None).unwrap().operation, "1");
        // Lists and probes never make a server ask.
        flight(&flights, 2, "local", false, false);
        assert_eq!(flights.asked(None).unwrap().operation, "1");
        // The same person's second call leaves no doubt about the person.
        flight(&flights, 3, "ann", true, true);
        assert!(flights.asked(None).is_ok());
        // Another person's does, even when nobody can be asked there.
        flight(&flights, 4, "bob", false, true);
        assert_eq!(flights.asked(None).unwrap_err(), Nobody::Certain);
        // A question that came with an answer's stream is certain all the same.
        assert_eq!(flights.asked(Some(&first)).unwrap().operation, "1");
        let four = NumberOrString::Number(4);
        assert_eq!(flights.asked(Some(&four)).unwrap_err(), Nobody::There);
        let nine = NumberOrString::Number(9);
        assert_eq!(flights.asked(Some(&nine)).unwrap_err(), Nobody::There);
    }

    #[test]
    fn users_named_by_one_caller_are_different_people() {
        let flights = Flights::default();
        for (id, email) in [(1, "ann@example.com"), (2, "bob@example.com")] {
            let mut actor = Actor::local();
            actor.user.email = Some(email.to_owned());
            let client = Some(Arc::new(Somebody) as Arc<dyn ClientSide>);
            let (flight, _) = Flight::new(Arc::new(actor), client, String::new(), true);
            assert!(flights.took_off(NumberOrString::Number(id), None, flight));
        }
        assert_eq!(flights.asked(None).unwrap_err(), Nobody::Certain);
    }

    #[test]
    fn what_was_given_up_before_it_was_written_never_is() {
        let new = || Flight::new(Arc::new(Actor::local()), None, String::new(), true).0;
        let (id, token) = (
            NumberOrString::Number(1),
            ProgressToken(NumberOrString::Number(1)),
        );
        let flights = Flights::default();
        let early = new();
        assert!(!early.give_up(), "the server cannot have it");
        assert!(!flights.took_off(id.clone(), Some(token.clone()), early.clone()));
        let dropped = new();
        flights.landed(&id, &token, &dropped);
        assert!(!flights.took_off(id.clone(), Some(token.clone()), dropped));
        assert_eq!(flights.len(), 0);
        let written = new();
        assert!(flights.took_off(id.clone(), Some(token.clone()), written.clone()));
        assert!(written.give_up(), "the server may have it");
        flights.landed(&id, &token, &written);
        assert_eq!(flights.len(), 0);
        // A carrier that failed to write it says so.
        let failed = new();
        assert!(flights.took_off(id, Some(token), failed.clone()));
        failed.unbegin();
        assert!(!failed.give_up());
    }
}
