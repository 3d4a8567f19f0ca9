//! workspace-auth
