"""The networks by name: their sizes as published, and that all of them train here."""

import pytest
import torch
from torch import nn

from unalike.core import Batch, Method, Problem
from unalike.core.model_check import prepare
from unalike.errors import InputError
from unalike.methods import FedAvg
from unalike.models import MODELS, build, chosen
from unalike.models.gru import GRU
from worlds import SINGLE, STACKED, World, federation

PUBLISHED = [
    ("logistic", (1, 28, 28), 10, 7_850),
    ("2nn", (1, 28, 28), 10, 199_210),
    ("cnn", (1, 28, 28), 10, 1_663_370),
    ("simple-cnn", (3, 32, 32), 10, 62_006),
    ("resnet20", (3, 32, 32), 9, 272_217),
    ("resnet20:norm=batch", (3, 32, 32), 9, 272_217),
    ("resnet20", (1, 32, 32), 62, 275_374),
    ("elu-mlp", (1, 28, 28), 10, 68_270),
]

NATURAL = {
    "logistic": (1, 8, 8),
    "mlp": (1, 8, 8),
    "2nn": (1, 8, 8),
    "cnn": (1, 8, 8),
    "mefl-cnn": (1, 8, 8),
    "simple-cnn": (1, 16, 16),
    "resnet20": (3, 8, 8),
    "resnet20:norm=batch": (3, 8, 8),
    "resnet18-cut": (1, 4, 4),
    "resnet18-cut:norm=batch": (1, 4, 4),
    "unet-ae": (1, 8, 8),
    "unet-ae:skips=off,latent=3": (1, 8, 8),
    "fused": (1, 8, 8),
    "fused:norm=batch": (1, 8, 8),
    "text-mlp": (512,),
    "elu-mlp": (1, 8, 8),
}

FUSED = {"fused", "fused:norm=batch"}
SIZES = (3, 2, 1)


def size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def world(name: str) -> World:
    """Three ragged clients of random samples, in double precision.

    Batch normalisation of so few samples makes gradients too steep for single precision.
    """
    draw = torch.Generator().manual_seed(0)
    shape = NATURAL[name]
    x = [torch.randn(n, *shape, generator=draw).double() for n in SIZES]
    if MODELS[name.partition(":")[0]].reconstructs:
        y, loss = x, "squared_error"
    else:
        y, loss = [torch.randint(3, (n,), generator=draw) for n in SIZES], "cross_entropy"
    problem = Problem(build(name, shape=shape, classes=3, seed=0).double(), loss)
    return World(problem, federation(x, y, classes=3))


@pytest.mark.parametrize(("name", "shape", "classes", "known"), PUBLISHED)
def test_sizes_are_the_published_ones(name, shape, classes, known):
    assert size(build(name, shape=shape, classes=classes, seed=0)) == known


def test_autoencoder_has_the_published_halves():
    model = build("unet-ae", shape=(3, 32, 32), classes=9, seed=0)
    assert size(model.get_submodule("encoder")) == 72_080
    assert size(model.get_submodule("decoder")) == 44_995


def test_cut_resnet_is_resnet18_without_its_last_stage():
    stage = 256 * 512 * 9 + 3 * 512 * 512 * 9 + 256 * 512 + 5 * 2 * 512
    whole, head, cut_head = 11_173_962, 512 * 10 + 10, 256 * 10 + 10
    model = build("resnet18-cut:norm=batch", shape=(3, 32, 32), classes=10, seed=0)
    assert size(model) == whole - stage - head + cut_head


def test_every_model_has_its_natural_shape_here():
    sequences = {"gru"}  # in test_gru.py
    assert {name.partition(":")[0] for name in NATURAL} == set(MODELS) - sequences


@pytest.mark.parametrize("name", sorted(NATURAL))
def test_stacked_clients_train_as_single_ones(name):
    here = world(name)
    method: Method = FedAvg(lr=0.01)
    stacked = here.run(method, 1, batch_size=2, plan=STACKED)
    single = here.run(method, 1, batch_size=2, plan=SINGLE)
    torch.testing.assert_close(stacked.server, single.server, atol=1e-9, rtol=1e-9)
    assert not torch.equal(stacked.server, stacked.engine.w)
    assert torch.isfinite(stacked.server).all()


@pytest.mark.parametrize("name", sorted(set(NATURAL) - FUSED - {"resnet18-cut"}))
def test_hessian_vector_product_is_the_gradients_derivative(name):
    shape = NATURAL[name]
    draw = torch.Generator().manual_seed(1)
    module = build(name, shape=shape, classes=3, seed=0)
    for part in module.modules():  # smooth, so that finite differences exist
        for child, layer in part.named_children():
            if isinstance(layer, nn.ReLU):
                setattr(part, child, nn.Softplus())
    reconstructs = MODELS[name.partition(":")[0]].reconstructs
    problem = Problem(module.double(), "squared_error" if reconstructs else "cross_entropy")
    x = torch.randn(4, *shape, generator=draw, dtype=torch.float64)
    y = x if reconstructs else torch.randint(3, (4,), generator=draw)
    batch = Batch(x, y, torch.ones(4, dtype=torch.float64), torch.tensor(4.0), torch.arange(4))
    w = problem.init()
    v = torch.randn(len(w), generator=draw, dtype=torch.float64)
    v /= v.norm()
    step = 1e-6
    ahead, behind = problem.grad(w + step * v, batch), problem.grad(w - step * v, batch)
    known = (ahead - behind) / (2 * step)
    found = problem.hvp(w, batch, v)
    assert float((found - known).norm() / known.norm()) < 1e-5
    several = torch.func.vmap(lambda w, v: problem.hvp(w, batch, v))(
        torch.stack([w, w]), torch.stack([v, 2 * v])
    )
    torch.testing.assert_close(several, torch.stack([found, 2 * found]), atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize("name", sorted(set(NATURAL) - {"unet-ae", "unet-ae:skips=off,latent=3"}))
def test_every_classifier_fits_its_samples(name):
    problem = Problem(build(name, shape=NATURAL[name], classes=3, seed=0))
    prepare(problem, torch.zeros(1, *NATURAL[name]), classes=3, trial=False)


@pytest.mark.parametrize("name", sorted(set(NATURAL) - FUSED - {"logistic"}))
def test_parts_are_body_and_head_or_encoder_and_decoder(name):
    model = build(name, shape=NATURAL[name], classes=3, seed=0)
    tops = {parameter.split(".")[0] for parameter, _ in model.named_parameters()}
    expected = {"encoder", "decoder"} if name.startswith("unet-ae") else {"body", "head"}
    assert tops == expected


def test_the_seed_decides_the_weights_and_nothing_else_does():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same, other = (
        nn.utils.parameters_to_vector(build("cnn", shape=(1, 8, 8), classes=3, seed=s).parameters())
        for s in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_autoencoder_pieces_work_apart():
    model = build("unet-ae:skips=off,latent=3", shape=(1, 8, 8), classes=3, seed=0)
    x = torch.rand(2, 1, 8, 8)
    code = model.get_submodule("encoder")(x)
    assert code.latent.shape == (2, 3)
    assert code.coarse is None
    torch.testing.assert_close(model.get_submodule("decoder")(code), model(x))


def test_skips_carry_what_the_bottleneck_drops():
    x = torch.rand(1, 1, 8, 8)
    for skips, leaks in (("on", True), ("off", False)):
        model = build(f"unet-ae:skips={skips},latent=2", shape=(1, 8, 8), classes=3, seed=0)
        code = model.get_submodule("encoder")(x)
        same = code._replace(latent=torch.zeros(1, 2))
        rebuilt = model.get_submodule("decoder")(same)
        nothing = model.get_submodule("encoder")(torch.zeros_like(x))
        other = model.get_submodule("decoder")(nothing._replace(latent=torch.zeros(1, 2)))
        assert torch.equal(rebuilt, other) != leaks


@pytest.mark.parametrize(
    ("shape", "picked"),
    [
        ((64,), "mlp"),
        ((1, 8, 8), "mlp"),
        ((1, 16, 16), "mlp"),
        ((3, 32, 32), "simple-cnn"),
        ((1, 17, 17), "simple-cnn"),
    ],
)
def test_auto_picks_by_shape(shape, picked):
    assert chosen("auto", shape) == picked
    auto, named = (build(name, shape=shape, classes=4, seed=3) for name in ("auto", picked))
    assert type(auto) is type(named)
    assert size(auto) == size(named)


@pytest.mark.parametrize(
    ("name", "shape", "sentence"),
    [
        ("cnnn", (1, 28, 28), "Unknown model 'cnnn': did you mean 'cnn'?"),
        ("mine:Net", (5,), "A network of your own comes from Python, as in compare"),
        ("cnn", (64,), "needs images of shape"),
        ("cnn", (1, 2, 2), "at least 4 x 4 pixels"),
        ("simple-cnn", (1, 8, 8), "at least 16 x 16 pixels, but these have 8 x 8"),
        ("mefl-cnn", (1, 6, 6), "at least 7 x 7"),
        ("unet-ae", (1, 10, 8), "divisible by 4"),
        ("text-mlp", (1, 8, 8), "needs vectors"),
        ("resnet20:norm=layer", (1, 8, 8), "norm must be group or batch, not 'layer'"),
        ("resnet20:norms=batch", (1, 8, 8), "did you mean 'norm'"),
        ("unet-ae:latent=some", (1, 8, 8), "latent must be a whole number, not 'some'"),
        ("mlp:norm=batch", (1, 8, 8), "takes no options"),
        ("fused:classifier=mlp,norm=batch", (1, 8, 8), "'mlp' takes no options"),
    ],
)
def test_bad_names_shapes_and_options_are_one_sentence(name, shape, sentence):
    with pytest.raises(InputError, match=sentence.replace("?", r"\?")):
        build(name, shape=shape, classes=3, seed=0)


def test_auto_takes_a_network_that_answers_at_each_place() -> None:
    assert isinstance(build("auto", shape=(7,), classes=5, seed=0, places=7), GRU)
    assert not isinstance(build("auto", shape=(7,), classes=5, seed=0), GRU)
