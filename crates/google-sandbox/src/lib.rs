//! google-sandbox
