"""The commands of a federation over the network; they need the extra `network`."""
