"""Modules of every awkward kind: each trains with right numbers, or is refused in one sentence."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from unalike.core import Batch, Problem
from unalike.core.local_work import LocalWork
from unalike.core.model_check import prepare
from unalike.engines.memory import predict_memory
from unalike.engines.plan import mode_for
from unalike.engines.trial import try_round
from unalike.errors import InputError
from unalike.functional.forward_pass import ForwardPass, set_forward_pass
from unalike.functional.module import materialised
from unalike.functional.recurrent import StreamedRecurrent
from unalike.functional.traced_function import CALLS_BEFORE_TRACING
from unalike.methods import UGA, FedAvg, FedPer
from worlds import SINGLE, STACKED, World, blobs, federation

CLOSED = {"atol": 1e-10, "rtol": 1e-10}
FEATURES, CLASSES, LENGTH, WORDS = 6, 3, 5, 11


def vectors(count: int = 12) -> Tensor:
    return torch.randn(count, FEATURES, generator=torch.Generator().manual_seed(0)).double()


def sequences(count: int = 12) -> Tensor:
    luck = torch.Generator().manual_seed(0)
    return torch.randn(count, LENGTH, FEATURES, generator=luck).double()


def pictures(count: int = 12) -> Tensor:
    return torch.randn(count, 2, 4, 4, generator=torch.Generator().manual_seed(0)).double()


def volumes(count: int = 12) -> Tensor:
    return torch.randn(count, 1, 3, 3, 3, generator=torch.Generator().manual_seed(0)).double()


def words(count: int = 12) -> Tensor:
    return torch.randint(WORDS, (count, LENGTH), generator=torch.Generator().manual_seed(0))


class Called(nn.Module):
    """Parts by name, called by a function of them and x."""

    def __init__(self, call: Callable[[Any, Tensor], Any], **parts: nn.Module) -> None:
        super().__init__()
        self.call = call
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Any:
        return self.call(self, x)


def recurrent(kind: Any, **options: Any) -> nn.Module:
    ways = 2 if options.get("bidirectional") else 1
    return Called(
        lambda m, x: m.head(m.layer(x)[0][:, -1]),
        layer=kind(FEATURES, 4, batch_first=True, **options),
        head=nn.Linear(ways * options.get("proj_size", 4), CLASSES),
    )


def attention(**options: Any) -> nn.Module:
    return Called(
        lambda m, x: m.head(m.layer(x, x, x)[0].mean(1)),
        layer=nn.MultiheadAttention(FEATURES, 2, batch_first=True, **options),
        head=nn.Linear(FEATURES, CLASSES),
    )


def transformer(dropout: float, batch_first: bool = True) -> nn.Module:
    layer = nn.TransformerEncoderLayer(FEATURES, 2, 8, dropout, batch_first=batch_first)
    turn = (lambda x: x) if batch_first else (lambda x: x.transpose(0, 1))
    return Called(
        lambda m, x: m.head(turn(m.layers(turn(x))).mean(1)),
        layers=nn.TransformerEncoder(layer, 2, enable_nested_tensor=False),
        head=nn.Linear(FEATURES, CLASSES),
    )


def decoder() -> nn.Module:
    mask = nn.Transformer.generate_square_subsequent_mask(LENGTH).double()
    return Called(
        lambda m, x: m.head(m.layer(x, x, tgt_mask=mask, tgt_is_causal=True).mean(1)),
        layer=nn.TransformerDecoderLayer(FEATURES, 2, 8, 0.1, batch_first=True),
        head=nn.Linear(FEATURES, CLASSES),
    )


class Doubled(torch.autograd.Function):
    """Written as before `torch.func`: PyTorch cannot map it over clients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return 2 * slope


class Ruled(torch.autograd.Function):
    """The same, with a rule for `vmap`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return 2 * slope


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.spare = nn.Linear(FEATURES, CLASSES), nn.Linear(2, 2)
        self.frozen = nn.Linear(FEATURES, CLASSES).requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x) + self.frozen(x)


class InPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(FEATURES, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros(len(x), CLASSES, dtype=x.dtype)
        total += self.layer(x)
        return total


def linear() -> nn.Linear:
    return nn.Linear(FEATURES, CLASSES)


def embedding() -> nn.Module:
    return Called(
        lambda m, x: m.head(m.table(x).mean(1)),
        table=nn.Embedding(WORDS, 4),
        head=nn.Linear(4, CLASSES),
    )


def tied() -> nn.Module:
    module = nn.Sequential(nn.Linear(FEATURES, FEATURES), nn.Linear(FEATURES, FEATURES), linear())
    module[1].weight = module[0].weight
    return module


STACKS, ALONE = "stacked", "one by one"
TRAINS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor], str]] = {
    # normalisation
    "BatchNorm1d on vectors": (
        lambda: nn.Sequential(nn.Linear(FEATURES, 4), nn.BatchNorm1d(4), nn.Linear(4, CLASSES)),
        vectors,
        STACKS,
    ),
    "BatchNorm1d on sequences": (
        lambda: nn.Sequential(nn.BatchNorm1d(LENGTH), nn.Flatten(), nn.Linear(30, CLASSES)),
        sequences,
        STACKS,
    ),
    "BatchNorm2d": (
        lambda: nn.Sequential(nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(32, CLASSES)),
        pictures,
        STACKS,
    ),
    "BatchNorm3d": (
        lambda: nn.Sequential(nn.BatchNorm3d(1), nn.Flatten(), nn.Linear(27, CLASSES)),
        volumes,
        STACKS,
    ),
    "InstanceNorm2d": (
        lambda: nn.Sequential(
            nn.InstanceNorm2d(2, affine=True), nn.Flatten(), nn.Linear(32, CLASSES)
        ),
        pictures,
        STACKS,
    ),
    "LayerNorm": (lambda: nn.Sequential(nn.LayerNorm(FEATURES), linear()), vectors, STACKS),
    # recurrent
    "LSTM": (lambda: recurrent(nn.LSTM), sequences, ALONE),
    "GRU": (lambda: recurrent(nn.GRU), sequences, ALONE),
    "RNN": (lambda: recurrent(nn.RNN), sequences, ALONE),
    "LSTM, both ways, two layers, dropout": (
        lambda: recurrent(nn.LSTM, num_layers=2, bidirectional=True, dropout=0.3),
        sequences,
        ALONE,
    ),
    "LSTM with projection and dropout": (
        lambda: recurrent(nn.LSTM, num_layers=2, dropout=0.3, proj_size=2),
        sequences,
        ALONE,
    ),
    "GRU, three layers, dropout": (
        lambda: recurrent(nn.GRU, num_layers=3, dropout=0.3),
        sequences,
        ALONE,
    ),
    "RNN with relu and dropout": (
        lambda: recurrent(nn.RNN, num_layers=2, dropout=0.3, nonlinearity="relu"),
        sequences,
        ALONE,
    ),
    "LSTM cells in a loop": (
        lambda: Called(
            lambda m, x: m.head(m.cell(x[:, 1], m.cell(x[:, 0]))[0]),
            cell=nn.LSTMCell(FEATURES, 4),
            head=nn.Linear(4, CLASSES),
        ),
        sequences,
        ALONE,
    ),
    # attention
    "MultiheadAttention": (attention, sequences, STACKS),
    "MultiheadAttention with dropout": (lambda: attention(dropout=0.3), sequences, STACKS),
    "Transformer": (lambda: transformer(0.0), sequences, STACKS),
    "Transformer with dropout": (lambda: transformer(0.2), sequences, STACKS),
    "Transformer, time first": (lambda: transformer(0.0, batch_first=False), sequences, STACKS),
    "Transformer decoder with a mask": (decoder, sequences, STACKS),
    "attention by the function alone": (
        lambda: Called(
            lambda m, x: m.layer(
                functional.scaled_dot_product_attention(x[:, None], x[:, None], x[:, None])
                .squeeze(1)
                .mean(1)
            ),
            layer=linear(),
        ),
        sequences,
        ALONE,
    ),
    # dropout
    "functional dropout": (
        lambda: Called(
            lambda m, x: m.layer(functional.dropout(x, 0.5, m.training)), layer=linear()
        ),
        vectors,
        STACKS,
    ),
    "functional dropout of channels": (
        lambda: Called(
            lambda m, x: m.layer(functional.dropout2d(x, 0.5).flatten(1)),
            layer=nn.Linear(32, CLASSES),
        ),
        pictures,
        STACKS,
    ),
    # what samples and weights are
    "Embedding of whole numbers": (embedding, words, STACKS),
    "Embedding of whole numbers that came as floats": (
        embedding,
        lambda: words().double(),
        STACKS,
    ),
    "weights in double precision, samples in single": (
        linear,
        lambda: vectors().float(),
        STACKS,
    ),
    "whole numbers into a linear layer": (
        lambda: nn.Linear(LENGTH, CLASSES),
        words,
        STACKS,
    ),
    "tied weights": (tied, vectors, STACKS),
    "frozen and unused parameters": (Unused, vectors, STACKS),
    # what vmap cannot map
    "autograd.Function without a rule": (
        lambda: Called(lambda m, x: Doubled.apply(m.layer(x)), layer=linear()),
        vectors,
        ALONE,
    ),
    "autograd.Function with a rule": (
        lambda: Called(lambda m, x: Ruled.apply(m.layer(x)), layer=linear()),
        vectors,
        STACKS,
    ),
    "a branch on values": (
        lambda: Called(
            lambda m, x: m.layer(x) if m.layer(x).sum() > 0 else -m.layer(x), layer=linear()
        ),
        vectors,
        ALONE,
    ),
    "item()": (
        lambda: Called(lambda m, x: m.layer(x) * (1 + x.abs().max().item()), layer=linear()),
        vectors,
        ALONE,
    ),
    "a mask as an index": (
        lambda: Called(
            lambda m, x: m.layer(x).clone().masked_scatter(x[:, :3] > 0, x[x > 0]), layer=linear()
        ),
        vectors,
        ALONE,
    ),
    "adding in place to a fresh tensor": (InPlace, vectors, ALONE),
    # what comes out
    "a tuple": (
        lambda: Called(lambda m, x: (m.layer(x), x), layer=linear()),
        vectors,
        STACKS,
    ),
    "a mapping with logits": (
        lambda: Called(lambda m, x: {"hidden": x, "logits": m.layer(x)}, layer=linear()),
        vectors,
        STACKS,
    ),
}


def labelled(x: Tensor, classes: int = CLASSES) -> Tensor:
    return torch.arange(len(x)) % classes


def prepared(kind: str) -> tuple[Problem, nn.Module, Tensor, Tensor]:
    make, samples, _ = TRAINS[kind]
    torch.manual_seed(0)
    module, x = make().double(), samples()
    y = labelled(x)
    return prepare(Problem(module), x, y, CLASSES), module, x, y


def clients(x: Tensor, y: Tensor) -> Any:
    """Four clients of different sizes, one of a single class."""
    parts = [torch.arange(0, 5), torch.arange(5, 9), torch.tensor([9, 11]), torch.tensor([0, 3, 6])]
    return federation([x[p] for p in parts], [y[p] for p in parts], classes=CLASSES)


@pytest.mark.parametrize("kind", TRAINS)
def test_trains_stacked_where_it_can_be_and_with_the_same_numbers(kind: str) -> None:
    problem, _, x, y = prepared(kind)
    expected = TRAINS[kind][2]
    assert (problem.fit.alone is None) == (expected == STACKS), problem.fit
    convolves = mode_for(problem)
    assert convolves == ("stacked" if expected == STACKS else "single")
    here = World(problem, clients(x, y))
    plans = [SINGLE] if expected == ALONE else [STACKED, SINGLE]
    for method in (FedAvg(lr=0.1), FedPer(lr=0.1, private="*bias")):
        servers = [here.run(method, 2, batch_size=2, plan=plan).server for plan in plans]
        assert torch.isfinite(servers[0]).all()
        moved = servers[0] - method.init_server(problem, problem.init(), None)  # type: ignore[arg-type]
        assert moved.abs().max() > 1e-4
        torch.testing.assert_close(servers[0], servers[-1], atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("kind", TRAINS)
def test_the_gradient_is_that_of_plain_pytorch(kind: str) -> None:
    problem, module, x, y = prepared(kind)
    if "Embedding" in kind:
        x = x.long()
    plain = copy.deepcopy(module).train()
    for part in plain.modules():  # what a batch without a key is trained with: nothing is dropped
        if isinstance(part, nn.Dropout | nn.MultiheadAttention | nn.RNNBase):
            setattr(part, "p" if isinstance(part, nn.Dropout) else "dropout", 0.0)
    if "functional" in kind:
        plain.eval()
        functional_off = {"functional dropout of channels": lambda m, v: m.layer(v.flatten(1))}
        plain.call = functional_off.get(kind, plain.call)  # type: ignore[assignment]
    wanted = x if x.dtype == torch.int64 and "Embedding" in kind else x.double()
    output = plain(wanted)
    output = output["logits"] if isinstance(output, dict) else output
    output = output[0] if isinstance(output, tuple) else output
    functional.cross_entropy(output, y).backward()
    named = dict(plain.named_parameters())
    exact = torch.cat(
        [
            (named[n].grad if named[n].grad is not None else torch.zeros_like(named[n])).reshape(-1)
            for n in problem.layout.names
        ]
    )
    weight = torch.ones(len(x), dtype=torch.float64)
    batch = Batch(x, y, weight, weight.sum(), torch.arange(len(x)))
    with torch.no_grad():
        torch.testing.assert_close(problem.grad(problem.init(), batch), exact, **CLOSED)


class Counting(nn.Module):
    """Remembers how often it was called, in a buffer or an attribute."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.layer, self.how, self.calls = linear(), how, 0
        self.register_buffer("n", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "in place":
            self.n += 1
        elif self.how == "assigned":
            self.n = self.n + 1
        else:
            self.calls += 1
        return self.layer(x) / (1 + self.n)


class Remembering(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.last = linear(), torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        output = self.layer(x) + self.last
        self.last = output.detach().mean()
        return output


class OwnError(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = linear()

    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("the sensor is unplugged\nand much more that nobody reads")


class NoSlope(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        raise NotImplementedError("nobody has worked out this slope")


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "a buffer written in place": (lambda: Counting("in place"), "writes its buffer 'n'"),
    "a buffer assigned anew": (lambda: Counting("assigned"), "writes its buffer 'n'"),
    "a count in an attribute": (lambda: Counting("attribute"), "writes its attribute 'calls'"),
    "a tensor kept from call to call": (Remembering, "gives other outputs when it is called again"),
    "random numbers in forward": (
        lambda: Called(lambda m, x: m.layer(x + torch.randn_like(x)), layer=linear()),
        "gives other outputs .*Draw random numbers only through nn.Dropout",
    ),
    "its own error": (OwnError, r"fails on samples of shape \(6,\): the sensor is unplugged$"),
    "no gradient": (
        lambda: Called(lambda m, x: NoSlope.apply(m.layer(x)), layer=linear()),
        "cannot be trained: nobody has worked out this slope",
    ),
    "a softmax at the end": (lambda: nn.Sequential(linear(), nn.Softmax(-1)), "ends in a softmax"),
    "too few outputs": (lambda: nn.Linear(FEATURES, 1), "gives 1 number per sample"),
    "samples not in the first dimension": (
        lambda: Called(lambda m, x: m.layer(x).mean(0), layer=linear()),
        r"shape \(3,\) for 4 samples",
    ),
    "no tensor at all": (
        lambda: Called(lambda m, x: None, layer=linear()),
        "gives a NoneType .*must give one tensor",
    ),
    "half precision": (lambda: linear().half(), "parameters of float16.*convert it with .float"),
    "bfloat16": (lambda: linear().bfloat16(), "parameters of bfloat16"),
    "a lazy layer": (lambda: nn.LazyLinear(CLASSES), "no shape yet .*hand over the model itself"),
    "alpha dropout": (
        lambda: nn.Sequential(linear(), nn.AlphaDropout()),
        "'1' is a AlphaDropout",
    ),
    "InstanceNorm with running statistics": (
        lambda: nn.InstanceNorm1d(FEATURES, affine=True, track_running_stats=True),
        "track_running_stats",
    ),
    "attention with an extra key and dropout": (
        lambda: attention(dropout=0.5, add_bias_kv=True),
        "'layer' is a MultiheadAttention",
    ),
    "a word beyond the table": (embedding, "fails on samples of shape .*index out of range"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_is_refused_in_one_sentence(kind: str) -> None:
    make, sentence = REFUSED[kind]
    x = vectors().float()
    if "word" in kind:
        x = words()
        x[7, 1] = WORDS
    with pytest.raises(InputError, match=sentence) as error:
        prepare(Problem(make()), x, labelled(x), CLASSES)
    assert "\n" not in str(error.value)


def test_which_output_is_taken_is_chosen_or_said() -> None:
    def both(m: Any, x: Tensor) -> Any:
        return {"hidden": x, "scores": m.layer(x)}

    x, module = vectors(), Called(both, layer=linear()).double()
    usual = prepare(Problem(module), x, labelled(x, FEATURES), FEATURES)
    assert "'hidden' is taken" in usual.fit.remarks()[0]
    torch.testing.assert_close(usual.logits(usual.init(), x), x)
    chosen = prepare(Problem(module, output="scores"), x, labelled(x), CLASSES)
    assert chosen.fit.remarks() == []
    torch.testing.assert_close(chosen.logits(chosen.init(), x), module.layer(x))
    with pytest.raises(InputError, match="say which one with output=, of 'hidden', 'scores'"):
        prepare(Problem(module, output="logits"), x, labelled(x), CLASSES)


def test_what_is_trained_one_by_one_is_said() -> None:
    problem = prepared("LSTM")[0]
    assert problem.fit.remarks() == [
        "model: Called cannot be stacked (PyTorch has no stacked form of aten::lstm.input); "
        "clients are trained one by one."
    ]


def test_recurrent_dropout_drops_only_between_layers_and_by_the_key() -> None:
    problem, module, x, y = prepared("LSTM, both ways, two layers, dropout")
    weight = torch.ones(len(x), dtype=torch.float64)
    batch = Batch(x, y, weight, weight.sum(), torch.arange(len(x)))
    w, first = problem.init(), problem.output
    keyed = [batch._replace(key=torch.tensor(key)) for key in (1, 1, 2)]
    one, same, other = (first(w, b) for b in keyed)
    torch.testing.assert_close(one, same)
    assert (one - other).abs().max() > 1e-4
    torch.testing.assert_close(first(w, batch), copy.deepcopy(module).eval()(x))
    layer = nn.LSTM(FEATURES, 4, num_layers=2, dropout=0.5, batch_first=True).double()
    whole = copy.deepcopy(layer).eval()(x)
    with set_forward_pass(ForwardPass(weight, torch.tensor(1))):
        output, (h, c) = StreamedRecurrent(layer)(x)
    torch.testing.assert_close(h[0], whole[1][0][0])  # nothing is dropped before the first layer
    torch.testing.assert_close(c[0], whole[1][1][0])
    assert (h[1] - whole[1][0][1]).abs().max() > 1e-4
    torch.testing.assert_close(output[:, -1], h[1])  # nor behind the last


def test_second_derivatives_are_right_one_by_one() -> None:
    problem, _, x, y = prepared("GRU")
    weight = torch.ones(len(x), dtype=torch.float64)
    batch = Batch(x, y, weight, weight.sum(), torch.arange(len(x)))
    w = problem.init()
    v = torch.linspace(-1, 1, len(w), dtype=torch.float64)
    ahead, behind = (problem.grad(w + step * v, batch) for step in (1e-5, -1e-5))
    torch.testing.assert_close(
        problem.hvp(w, batch, v), (ahead - behind) / 2e-5, atol=1e-7, rtol=1e-5
    )


def test_lazy_layers_take_their_shape_from_samples() -> None:
    x = vectors().float()
    module = nn.Sequential(nn.LazyLinear(4), nn.LazyBatchNorm1d(), nn.LazyLinear(CLASSES))
    ready = materialised(module, x[:2])
    problem = prepare(Problem(ready), x, labelled(x), CLASSES)
    assert sum(problem.layout.sizes) == 6 * 4 + 4 + 8 + 15
    assert nn.parameter.is_lazy(next(module.parameters()))
    assert problem.start_statistics.mean.tolist() == [0.0] * 4


def test_memory_is_foretold_for_batch_normalisation_of_vectors() -> None:
    problem, _, x, y = prepared("BatchNorm1d on vectors")
    one, two = (
        predict_memory(
            FedAvg(),
            problem,
            clients(x, y),
            STACKED,
            cohort=4,
            batch_size=size,
            work=LocalWork(),
            rounds=1,
            evaluated=False,
        )
        for size in (1, 2)
    )
    outputs = 4 + 4 + CLASSES + CLASSES  # of each layer and of the whole
    assert two - one == 4 * 2 * outputs * 8  # clients, forward and backward, bytes


def test_a_problem_is_copied_and_sent_without_its_traces() -> None:
    x = vectors().float()
    y = labelled(x)
    module = nn.Sequential(nn.Linear(FEATURES, 4), nn.BatchNorm1d(4), nn.Linear(4, CLASSES))
    problem = prepare(Problem(module, nn.CrossEntropyLoss()), x, y, CLASSES)
    weight = torch.ones(len(x))
    batch = Batch(x, y, weight, weight.sum(), torch.arange(len(x)))
    before = problem.grad(problem.init(), batch)
    sent = pickle.loads(pickle.dumps(problem))
    assert "_gradient" in problem.__dict__
    assert "_gradient" not in sent.__dict__
    assert torch.equal(sent.grad(sent.init(), batch), before)
    assert sent.fit == problem.fit
    near = blobs()
    assert near.problem.to("cpu").__dict__["_gradient"] is near.problem.__dict__["_gradient"]


def test_a_branch_on_values_is_taken_anew_however_often_it_was_called() -> None:
    problem, _, x, y = prepared("a branch on values")
    weight = torch.ones(len(x), dtype=torch.float64)
    batch = Batch(x, y, weight, weight.sum(), torch.arange(len(x)))
    w = problem.init()
    mirrored = torch.cat([w[: FEATURES * CLASSES], -w[FEATURES * CLASSES :] + 10])
    with torch.no_grad():
        fresh = problem.fitted(problem.fit).grad(mirrored, batch)
        for _ in range(CALLS_BEFORE_TRACING + 1):
            problem.grad(w, batch)
        torch.testing.assert_close(problem.grad(mirrored, batch), fresh)
        torch.testing.assert_close(problem.grad(-w, batch), -problem.grad(w, batch), **CLOSED)


class _Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return 2 * slope


def test_a_second_derivative_that_pytorch_would_leave_out_is_missed() -> None:
    x = vectors()
    module = Called(lambda m, x: _Once.apply(m.layer(x).tanh()), layer=linear()).double()
    y = labelled(x)
    problem = prepare(Problem(module), x, y, CLASSES)
    with pytest.raises(InputError, match=r"no second derivatives here \(.*differentiate twice"):
        try_round(UGA(), problem, clients(x, y))
    try_round(FedAvg(), problem, clients(x, y))


class _Squared(torch.autograd.Function):
    """Clients may be stacked; its derivative has none."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x**2

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return _Doubled.apply(x) * slope


class _Doubled(Ruled):
    """The same once, and no further."""

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        raise RuntimeError("once only.")


def test_clients_that_stack_but_lack_second_derivatives_are_told_so() -> None:
    x = vectors()
    y = labelled(x)
    module = Called(lambda m, x: _Squared.apply(m.layer(x)), layer=linear()).double()
    problem = prepare(Problem(module), x, y, CLASSES)
    assert problem.fit.alone is None
    with pytest.raises(InputError, match=r"Called has no second derivatives here \(once only\)"):
        try_round(UGA(), problem, clients(x, y))
    try_round(FedAvg(), problem, clients(x, y))


class _NeedsMemory(Ruled):
    """A derivative that asks for more memory than there is."""

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return slope.new_empty(1 << 55)


def test_a_lack_of_memory_is_not_taken_for_a_lack_of_second_derivatives() -> None:
    x = vectors()
    y = labelled(x)
    module = Called(lambda m, x: _NeedsMemory.apply(m.layer(x)), layer=linear()).double()
    problem = Problem(module)
    w, weight = problem.init(), torch.ones(len(x)).double()
    batch = Batch(x, y, weight, weight.sum(), torch.arange(len(x)))
    with pytest.raises(RuntimeError, match="allocate memory"):
        problem.hvp(w, batch, w)
