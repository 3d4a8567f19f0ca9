//! The decisions about a server's life: in which order it is greeted, how long it is left alone.
//!
//! Pure. Invariant: the same facts give the same decision; chance is an argument.

use std::time::Duration;

use mcp_service::Era;

use crate::{FaultKind, config::EraChoice};

use super::{ServerState, talk::Greeting};

/// Silence after which a server on stdio is asked in the other era too.
const QUIET: Duration = Duration::from_secs(5);
/// The longest a failed server is left alone.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// A failed server's first pause, at most.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A server that was there for so long starts with a clean slate.
pub(super) const STABLE: Duration = Duration::from_mins(1);

/// The greetings to try, each on a carrier of its own.
pub(super) fn greetings(
    choice: EraChoice,
    remembered: Option<Era>,
    one_carrier: bool,
) -> Vec<Greeting> {
    use Greeting::{Discover, Handshake, Probe};

    // Over HTTP every question is a request of its own: silence about one delays no other.
    let probe = if one_carrier {
        Probe { quiet: QUIET }
    } else {
        Discover
    };
    match (choice, remembered) {
        (EraChoice::Stateless, _) => vec![Discover],
        (EraChoice::Handshake, _) => vec![Handshake],
        (EraChoice::Auto, None) => vec![probe, Handshake],
        (EraChoice::Auto, Some(Era::Stateless)) => vec![Discover, Handshake],
        // What was remembered may be of an older version of the server: probed anew.
        (EraChoice::Auto, Some(Era::Handshake)) => vec![Handshake, probe],
    }
}

/// How long a server is left alone after so many failures in a row: full jitter.
pub(super) fn pause(failures: u32, chance: f64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1_u32 << failures.saturating_sub(1).min(16));
    doubled.min(LONGEST_PAUSE).mul_f64(chance.clamp(0.0, 1.0))
}

/// The failures in a row that still count against something that held for so long.
pub(super) fn forgiven(failures: u32, held: Duration) -> u32 {
    if held >= STABLE { 0 } else { failures }
}

/// Whether waiting before the next try has any use.
pub(super) fn waits(kind: FaultKind) -> bool {
    kind.passes()
}

/// The state of a server whose start came to this.
pub(super) fn state_after(kind: FaultKind) -> ServerState {
    match kind {
        FaultKind::SignInRequired => ServerState::SignInRequired,
        FaultKind::NotApproved => ServerState::NotApproved,
        FaultKind::Disabled => ServerState::Disabled,
        _ => ServerState::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_no_further() {
        let most = |failures| pause(failures, 1.0);
        assert_eq!(most(1), Duration::from_millis(250));
        assert_eq!(most(2), Duration::from_millis(500));
        assert_eq!(most(8), Duration::from_secs(32));
        assert_eq!(most(9), Duration::from_mins(1));
        assert_eq!(most(u32::MAX), Duration::from_mins(1));
        assert_eq!(pause(9, 0.0), Duration::ZERO);
        assert_eq!(pause(9, 0.5), Duration::from_secs(30));
    }

    #[test]
    fn only_what_held_for_a_while_is_forgiven() {
        assert_eq!(forgiven(3, STABLE), 0);
        // A server that ends every subscription at once is asked ever less often.
        assert_eq!(forgiven(3, STABLE / 2), 3);
    }

    #[test]
    fn a_choice_is_obeyed_and_a_memory_is_doubted_once() {
        use Greeting::{Discover, Handshake, Probe};
        let probe = Probe { quiet: QUIET };
        let auto = EraChoice::Auto;
        assert_eq!(
            greetings(EraChoice::Handshake, Some(Era::Stateless), true),
            [Handshake]
        );
        assert_eq!(greetings(EraChoice::Stateless, None, true), [Discover]);
        assert_eq!(greetings(auto, None, true), [probe, Handshake]);
        assert_eq!(greetings(auto, None, false), [Discover, Handshake]);
        assert_eq!(
            greetings(auto, Some(Era::Handshake), true),
            [Handshake, probe]
        );
        assert_eq!(
            greetings(auto, Some(Era::Stateless), true),
            [Discover, Handshake]
        );
    }
}
