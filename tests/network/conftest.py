"""The network engine is an extra: without flwr (or before Python 3.11) its tests are left out."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("flwr") else ["*"]
