"""The clients of a study behind a network, by way of Flower (`flwr`, the extra `network`).

Two parties. The server holds the study and the server's state; it runs `server_app:app`. A site is
one client: its samples and its private state lie in a long-lived process, the worker, beside which
Flower starts `client_app:app` once a message; that one only carries the message to the worker's
Unix socket and its answer back. A node in one process
(`deployment.in_process_node`) runs it without that.

Server app, `unalike.network.server.server_app:app`. Keys of its run config:

    study       str    folder of the study; it holds study.toml (see `conduct.prepare`)
    sites       int    clients that are expected; 0: as many as the study has
    least       int    sites that must be there, and must answer, for a round to count; 0: all
    deadline    float  seconds that sites have for an answer
    patience    float  seconds that the server waits for `least` sites before it gives up
    grace       float  seconds that it waits for all `sites` before it begins with `least`
    poll        float  seconds between two looks for answers
    excess      float  an answer whose norm is this often the median is refused; 0: never
    baselines   bool   also run the baselines (Local and FedAvg) that harm is measured against
    keys        str    JSON, name -> node: only these sites may join, each through its own node
    diagnose    bool   only ask for summaries of the samples, and write a diagnosis of them
    noise       float  of a diagnosis: epsilon of the noise on what sites tell; 0: none
    label       int    of a diagnosis of samples with many labels: the one to look at
    events      str    file to which the server adds a JSON line per event ("" : none)

What is left out has the default of `conduct.Terms`. Events have the key "event": "waiting" (for,
here, least), "joined" (site), "refused" (site, why), "plan", "round" (method, seed, t, rounds,
answers, dropped, rejected, bytes_down, bytes_up, seconds; where measured also accuracy by site, and
hidden, the sites that do not tell theirs),
"remark" (text), "finished", "failed" (why). A study that stops in the middle goes on when the same
run is submitted again.

Client app, `unalike.network.site.client_app:app`. Key of its node config:

    worker      str    path of the worker's Unix socket; else that of the environment variable
                       UNALIKE_WORKER

Worker, `python -m unalike.network.site.worker`:

    --socket PATH    where it listens; the file exists once it is ready
    --state DIR      where the private state is kept; it survives restarts
    --name NAME      of the site; that of the client where --client is given
    --data PATH      the site's own samples: .npz, .csv, .parquet, or a folder class/picture
    --label-column NAME   of --data: the column of classes (default y)
    --client-column NAME  of --data: the column of clients; only --name's samples are taken
    --client I       or: client I of the study's own data, as the simulator deals it (rehearsal)
    --limit SECONDS  an answer that takes longer ends the process (default 3600)
    --device NAME    cpu, cuda or auto
    --hide-classes   do not tell how many samples a class has
    --hide-accuracy  do not tell how many samples the models get right
    --noise EPS      tell nothing but summaries for a diagnosis, once, with at least this noise

It writes a JSON line to stdout per event ("ready", "asked", "answered", "failed", "refused").
Exit status: 0 on SIGTERM; 3 the site's data do not fit or the server refuses the site, one sentence
on stderr, do not restart; 75 a step ran over the limit, restart it: the state is on disk.
"""
