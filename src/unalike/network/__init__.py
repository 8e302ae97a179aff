"""The clients of a study behind a network, by way of Flower (`flwr`, the extra `network`).

Two parties. The server holds the study and the server's state; Flower starts its app,
`unalike.network.server.server_app:app`. A site is one client: its samples and its private state
lie in a long-lived process, the worker, beside which Flower starts
`unalike.network.site.client_app:app` once a message; that one only carries the message to the
worker's Unix socket and its answer back. A node in one process (`deployment.in_process_node`) runs
it without that.

    deployment   the processes of both parties on their machines, keys, certificates, the gate
    server       the server app: the keys of its run config, `server.server_settings`; what it says
                 while it works, `server.events`
    site         the client app and the worker, `python -m unalike.network.site.worker --help`
    protocol     what travels between them
    processes    processes that end with their parents, and folders with one process at a time

The client app finds its worker by the key `worker` of the node config, a Unix socket's path; else
by the environment variable UNALIKE_WORKER. A study that stops in the middle goes on when the same
run is submitted again.
"""
