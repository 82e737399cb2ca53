"""What the tests of the pure rooms share."""

from hypothesis import settings

# How long an example takes says something about the machine only.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
