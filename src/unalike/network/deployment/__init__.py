"""Running a federation between machines: processes, keys, ports, and the gate in front of them.

Everything that knows how flwr's commands are called lies here; the messages and the apps lie one
folder up.
"""
