"""The HTTP endpoints, thin over the engines."""
