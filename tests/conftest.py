"""What all tests share."""

import os

from hypothesis import settings

# A build tries the same examples each time; a developer's machine goes on looking for new ones.
settings.register_profile("build", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile("build" if os.environ.get("CI") else "search")
