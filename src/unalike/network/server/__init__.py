"""The server of a federation: who is there, what is asked, what is done with the answers."""
