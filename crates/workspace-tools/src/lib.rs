//! workspace-tools
