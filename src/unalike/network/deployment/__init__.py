"""Running a federation between machines: SuperLink and SuperNodes, keys, ports, and the gate.

Everything that knows how flwr's commands are called lies here; what travels lies in `protocol`, and
the apps of both sides in `server` and `site`.
"""
