"""How a conversation reaches its client."""
