"""The OpenAI Realtime wire as a pure core: events in, events out."""
