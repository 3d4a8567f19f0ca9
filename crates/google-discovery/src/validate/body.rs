//! head
use crate::{invalid::Problems, method::Method};
use serde_json::Value;
pub(super) fn check(_m: &Method, _p: &[(&str, &str)], _b: Option<&Value>, _o: &mut Problems) {}
