"""Recordings to text: hours of them, a stretch of speech at a time."""
