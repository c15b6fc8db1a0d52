"""Calls over WebRTC: what is between a session and a browser's peer connection."""
