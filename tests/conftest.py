"""Property tests draw the same examples in every run, here and in CI."""

from hypothesis import settings

settings.register_profile("ratiogan", derandomize=True, deadline=None, database=None)
settings.load_profile("ratiogan")
