"""One conversation: listening, thinking and speaking, as tasks with an owner."""
