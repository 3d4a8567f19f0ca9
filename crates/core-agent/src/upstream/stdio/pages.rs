//! The size of this process's pages of memory.
//!
//! An allocator asks for pages of two mebibytes, and one byte in each then takes all of it: a
//! third of the hub's memory would be pages it hardly uses. Invariant: what this process sets for
//! itself is not handed on to the programs it starts for others.

/// Keeps this process at small pages. To be called before threads and large memory.
pub fn keep_pages_small() {
    set(true);
}

/// Gives back what [`keep_pages_small`] took, for the program this process becomes.
#[cfg(unix)]
pub(super) fn hand_on_usual_pages() {
    set(false);
}

fn set(small: bool) {
    // Where it is refused, pages are as they were before.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(small);
    #[cfg(not(target_os = "linux"))]
    let _ = small;
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::thread::transparent_huge_pages_are_disabled;

    use super::*;

    #[test]
    fn pages_are_small_until_they_are_handed_on() {
        keep_pages_small();
        assert_eq!(transparent_huge_pages_are_disabled(), Ok(true));
        hand_on_usual_pages();
        assert_eq!(transparent_huge_pages_are_disabled(), Ok(false));
    }
}
