"""The world outside the box, at the wire: vehicles, lanes, charging stations and electrics that behave as real ones."""
