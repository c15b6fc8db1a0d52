"""Turn-taking: when speech starts and ends, and what to say of it. No asyncio, sockets or clock."""
