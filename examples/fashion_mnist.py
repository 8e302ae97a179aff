"""Who wins on Fashion-MNIST when clients know one or two kinds of clothes (Dirichlet 0.1)?

    python examples/fashion_mnist.py [--rounds 10] [--seeds 2] [--data-dir FOLDER]

20 clients, all of them in every round, one local epoch, batches of 50, one hidden layer of 64
units; each seed deals the images anew. Every method has its default settings. `personalised` is
the mean over clients of the accuracy on their own test images, `_low` and `_high` its interval
over seeds, `worst` that of the worst clients, `global` the one model's on all test images,
`harmed` the share of clients for whom training alone is better.
"""

import argparse

import torch

from unalike import Result, compare

METHODS = "local,fedavg,finetuning,fedprox,scaffold,ditto,fedper"
SCORES = ["personalised", "personalised_low", "personalised_high", "worst", "global", "harmed"]


def study(*, rounds: int, seeds: int, data_dir: str | None = None) -> Result:
    return compare(
        "fashion-mnist",
        data_dir=data_dir,
        split="dirichlet",
        alpha=0.1,
        clients=20,
        new_clients=0.0,
        model="mlp",
        methods=METHODS,
        rounds=rounds,
        batch_size=50,
        seeds=seeds,
        evaluate_every=10,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--data-dir")
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = study(**vars(given)).table()
    print(table[["title", *SCORES]].to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    main()
