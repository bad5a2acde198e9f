"""What all tests share: how hypothesis runs."""

import os

from hypothesis import settings

# No deadline: two cores are shared, and a slow example says nothing about the code.
# In CI the examples are always the same, so a failure there is never a matter of luck.
settings.register_profile("developer", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")
