"""How hypothesis looks for examples."""

from hypothesis import settings

# On a build machine (where CI is set) hypothesis has a profile of its own: the same
# examples every time, so that a change alone decides whether it passes.  Elsewhere it
# looks for new ones, and remembers those that failed; a busy machine is no failure.
if settings.get_current_profile_name() != "ci":
    settings.register_profile("here", deadline=None, print_blob=True)
    settings.load_profile("here")
