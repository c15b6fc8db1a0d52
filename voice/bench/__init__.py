"""Measures a server from outside: a server process, a process of callers, and a report.

voice bench ──▶ voice.bench.host      one server, on engines of a known delay or the real ones
     │               ▲ WebSockets
     └────────▶ voice.bench.callers   all clients, speaking recordings in real time
"""
