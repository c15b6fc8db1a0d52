"""Engines: speech-to-text, language models and text-to-speech, and the processes that host them."""
