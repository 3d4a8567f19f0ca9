//! google-discovery
