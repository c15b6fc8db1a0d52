"""What can be seen from outside: logs, timings, metrics."""
