"""What the tests of the pure rooms share."""

from hypothesis import settings

# How long an example takes says something about the machine only. All else as it was: where CI is set, the examples are
# the same in each run.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")
