//! head
use crate::{invalid::Problems, method::Method};
pub(super) fn check(_m: &Method, _p: &str, _o: &mut Problems) {}
