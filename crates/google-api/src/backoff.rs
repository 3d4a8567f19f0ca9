//! How long to wait before a repeat.
//!
//! Not whether to repeat. Invariant: never shorter than Google asked for.

use std::time::Duration;

use foundation::Random;

/// How many times one call is sent at most.
pub(crate) const TRIES: u32 = 5;

const BASE: Duration = Duration::from_millis(500);
const CAP: Duration = Duration::from_secs(32);
/// Nobody waits longer than the deadline of a call; this only keeps sums of times in range.
const LONGEST_ASKED: Duration = Duration::from_hours(24);

/// The pause after the `tried`-th try: anything up to twice as much each time (full jitter).
pub(crate) fn pause(tried: u32, asked: Option<u64>, random: &dyn Random) -> Duration {
    let most = BASE
        .saturating_mul(1 << tried.saturating_sub(1).min(16))
        .min(CAP);
    let jitter = most.mul_f64(random.fraction());
    match asked {
        // A little more than asked, differently for everybody, lest all come back at once.
        Some(seconds) => {
            let asked = Duration::from_secs(seconds).min(LONGEST_ASKED);
            asked + jitter.min(asked / 10)
        }
        None => jitter,
    }
}

#[cfg(test)]
mod tests {
    use foundation::SeededRandom;

    use super::*;

    #[test]
    fn pauses_grow_to_the_cap_and_obey_google() {
        let random = SeededRandom::new(3);
        let longest = |tried| {
            (0..1000)
                .map(|_| pause(tried, None, &random))
                .max()
                .expect("a thousand pauses")
        };
        assert!(longest(1) <= BASE && longest(1) > BASE / 2);
        assert!(longest(3) <= BASE * 4 && longest(3) > BASE * 3);
        assert!(longest(60) <= CAP && longest(60) > CAP * 9 / 10);
        assert!(pause(1, Some(u64::MAX), &random) < Duration::from_hours(48));
        for _ in 0..1000 {
            let asked = pause(1, Some(10), &random);
            assert!(asked >= Duration::from_secs(10) && asked <= Duration::from_secs(11));
        }
    }
}
