"""Where the world comes in: the command line and the worker on one machine."""
