//! workspace-mcp
