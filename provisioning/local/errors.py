"""The one kind of failure that start-up shows to a person."""


class SetupError(Exception):
    """Something on this machine keeps the system from starting.

    The message is one line: what is wrong, where, and how to mend it. The command line prints it and exits with 2.
    """
