"""OCPP as pure rules: frames and payloads in, values out; the sockets are in ``edge/stations.py``."""
