"""What travels between the server and its sites."""
