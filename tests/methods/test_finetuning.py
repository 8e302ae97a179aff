"""Fine-tuning: FedAvg, then the best epoch on the client's validation samples."""

from typing import Any

import pytest
import torch

from contract import Contract
from unalike.core import average, optimise
from unalike.methods import FedAvg, FineTuning
from worlds import World, blobs, federation, quadratics

CONTRACT = Contract(down=1, up=1)

CLOSED = {"atol": 1e-9, "rtol": 1e-9}


@pytest.mark.proof("limit", "training is FedAvg's, bit for bit")
@pytest.mark.parametrize("solver", ["sgd", "momentum:0.7"])
def test_training_is_fedavg(solver: str) -> None:
    tuned = blobs().run(FineTuning(lr=0.2, solver=solver, tune_lr=9.0), 3, batch_size=4).server
    plain = blobs().run(FedAvg(lr=0.2, solver=solver), 3, batch_size=4).server
    assert torch.equal(tuned, plain)


@pytest.mark.proof("fixed point", "without validation: c_i + (1 - eta a_i)^E (w - c_i), the last")
@pytest.mark.parametrize("epochs", [1, 3, 8])
def test_last_epoch_without_validation(epochs: int) -> None:
    method = FineTuning(tune_lr=0.3, tune_epochs=epochs, patience=1)
    personal = quadratics([1, 4], [0, 1], start=3.0).run(method, 0).personal()
    exact = [0.7**epochs * 3, 1 + (-0.2) ** epochs * 2]
    torch.testing.assert_close(
        personal, torch.tensor(exact, dtype=torch.float64)[:, None], **CLOSED
    )


def overshooting(target: float, start: float) -> World:
    """f = w^2 / 2 in training, (w - target)^2 / 2 in validation."""
    world = quadratics([1], [0], start=start)
    x = torch.ones(2, 1, 1, dtype=torch.float64)
    y = torch.tensor([[0.0], [target]], dtype=torch.float64)
    return World(world.problem, federation([x], [y], validation=[1]))


@pytest.mark.proof("fixed point", "iterates 1, -.8, .64, -.512 towards .6: patience 2 finds .64")
@pytest.mark.parametrize(
    ("patience", "epochs", "known"), [(1, 9, 1.0), (2, 9, 0.64), (2, 1, 1.0), (5, 9, 0.64)]
)
def test_early_stopping(patience: int, epochs: int, known: float) -> None:
    method = FineTuning(tune_lr=1.8, tune_epochs=epochs, patience=patience)
    personal = overshooting(0.6, start=1.0).run(method, 0).personal()
    assert float(personal) == pytest.approx(known, abs=1e-12)


@pytest.mark.parametrize(("patience", "epochs"), [(1, 1), (2, 4), (5, 7)])
def test_no_epoch_after_patience_has_run_out(
    patience: int, epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []

    def counted(*given: Any) -> torch.Tensor:
        done.append(given)
        return optimise(*given)

    monkeypatch.setattr("unalike.methods.finetuning.optimise", counted)
    method = FineTuning(tune_lr=1.8, tune_epochs=9, patience=patience)
    overshooting(0.6, start=1.0).run(method, 0).personal()
    assert len(done) == epochs


def test_a_client_that_goes_on_tunes_as_it_would_alone() -> None:
    shown = torch.ones(2, 1, 1, dtype=torch.float64)
    targets = (0.6, 0.0, 5.0)
    method = FineTuning(tune_lr=1.8, tune_epochs=9, patience=1)
    alone = [float(overshooting(target, start=1.0).run(method, 0).personal()) for target in targets]
    problem = quadratics([1], [0], start=1.0).problem
    y = [torch.tensor([[0.0], [target]], dtype=torch.float64) for target in targets]
    clients = federation([shown, shown, shown, shown[:1]], [*y, y[0][:1]], validation=[1, 1, 1, 0])
    together = World(problem, clients).run(method, 0).personal().flatten().tolist()
    last_of_nine = (1 - 1.8) ** 9
    assert together == pytest.approx([*alone, last_of_nine], abs=1e-12)


@pytest.mark.proof("fixed point", "the best epoch is kept, not the last")
def test_best_epoch() -> None:
    method = FineTuning(tune_lr=0.5, tune_epochs=6, patience=6)
    personal = overshooting(0.3, start=1.0).run(method, 0).personal()
    assert float(personal) == pytest.approx(0.25, abs=1e-12)


@pytest.mark.proof("invariant", "never worse on validation than the broadcast model")
@pytest.mark.parametrize("tune_lr", [0.05, 1.0, 30.0])
def test_never_worse(tune_lr: float) -> None:
    outcome = blobs().run(FineTuning(tune_lr=tune_lr, tune_epochs=6), 2, batch_size=4)
    engine = outcome.engine

    def held_out_loss(models: Any) -> torch.Tensor:
        def one(w: Any, client: Any, batches: Any) -> torch.Tensor:
            return average(lambda batch: engine.problem.loss(w, batch), batches.validation)

        return engine._map(one, "test", 0, engine.rows, models, outcome.states)[0]

    before = held_out_loss(outcome.server.expand(6, -1))
    after = held_out_loss(outcome.personal())
    assert (after <= before + 1e-12).all()
    assert tune_lr > 1 or (after < before).any()


@pytest.mark.proof("limit", "no epochs, or a step of zero, return w bit for bit")
@pytest.mark.parametrize("validation", [0, 3])
@pytest.mark.parametrize("settings", [{"tune_epochs": 0}, {"tune_lr": 0.0}])
def test_nothing_to_tune(validation: int, settings: dict[str, Any]) -> None:
    outcome = blobs(validation=validation).run(FineTuning(**settings), 2, batch_size=4)
    assert torch.equal(outcome.personal(), outcome.server.expand(6, -1))
