//! mcp-service
