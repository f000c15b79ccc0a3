"""The simulated world as a process: drivers who come, park, charge, pay and leave, at the wire of every facility."""
