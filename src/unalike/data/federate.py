"""From a data set and a split to a federation: deal, cut inside each client, choose newcomers."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from unalike.errors import InputError
from unalike.functional.streams import generator

from .cut import check_shares, cut
from .federation import Federation, Ragged
from .skews import deal, find
from .skews.registry import applied, asked, keeping
from .sources.source import TEST, Arrays
from .truth import Truth


def federate(
    arrays: Arrays,
    *,
    split: str = "iid",
    clients: int | None = None,
    seed: int = 0,
    validation: float = 0.1,
    test: float = 0.2,
    new_clients: float = 0.0,
    official_test: bool = False,
    min_size: int | None = None,
    skew: Any = (),
    **options: Any,
) -> Federation:
    """Deal a data set to clients by a split and its options.

    Each client's samples are cut at random into training, validation and test (the rounding is
    that of `cut`), so all three follow the client's own mix. All samples of the set are dealt,
    its official test part too, with two exceptions: with `official_test` that part is kept whole
    for judging global models (`pooled_test`); and where it comes from people of its own, the
    natural split leaves it out. Raw samples such as texts become numbers by what is learned from
    the training samples of the clients that train, and from nothing else.

    Args:
        arrays: the data set.
        split: a name in `SPLITS`.
        clients: N; may be left out for the natural split.
        seed: decides the deal, the cut and the newcomers, each in a random stream of its own.
        validation: share of each client's samples kept for validation.
        test: share of each client's samples kept for testing.
        new_clients: share of the clients, rounded down, that never train; one client always does.
        official_test: judge global models on the official test set instead of on the test
            samples of the clients that train.
        min_size: the least that a client may hold, 0 for empty clients. By default one sample
            for each of training, validation and test that has a share; one sample in all where
            the average client would hold less than twice that.
        skew: what makes clients unlike on top of the split: names of skews, such as "rotation" or
            "noise:level=0.3", tables such as {"kind": "noise", "level": 0.3}; in any order.
        options: of the split, such as alpha=0.1.

    Raises:
        InputError: one sentence says what to change.
    """
    skews, named = asked(skew)
    if named:
        split, options = str(named.pop("split")), {**options, **named}
    check_shares(validation, test)
    if not 0 <= new_clients < 1:
        raise InputError(
            f"The share of new clients must be from 0 to below 1, not {new_clients}: "
            "somebody has to train."
        )
    natural = find(split).natural
    dealt = _dealt(arrays, natural=natural, official_test=official_test)
    column = None if arrays.client is None else arrays.client[dealt]
    if min_size is None:
        needed = 1 + (validation > 0) + (test > 0)
        scarce = not natural and len(dealt) < 2 * needed * (clients or 1)
        min_size = 1 if scarce else needed
    held = deal(
        split,
        _strata(arrays)[dealt],
        clients,
        generator(seed, "data/split"),
        client=column,
        min_size=min_size,
        **options,
    )
    if len(held) < 2:
        raise InputError(f"A federation needs at least 2 clients, not {len(held)}.")
    groups = _groups(arrays, [dealt[indices] for indices in held])
    truths = [] if groups is None else [_as_truth(groups)]
    for keeper in keeping(skews):
        held, truth = keeper.kept(_strata(arrays)[dealt], held, seed=seed, least=min_size)
        truths += [] if truth is None else [truth]

    sizes = np.array([len(rows) for rows in held])
    owner = np.repeat(np.arange(len(held)), sizes)
    rows = dealt[np.concatenate(held)]
    rows = rows[np.lexsort((generator(seed, "data/cut").random(len(rows)), owner))]
    trains, validations, tests = cut(sizes, validation=validation, test=test)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    testing = place >= (trains + validations)[owner]
    validating = (place >= trains[owner])[~testing]

    newcomers = np.zeros(len(held), np.bool_)
    count = min(int(new_clients * len(held) + 1e-9), len(held) - 1)
    newcomers[generator(seed, "data/newcomers").choice(len(held), count, replace=False)] = True

    test_rows = rows[testing]
    pooled = np.flatnonzero(~newcomers[owner[testing]])
    if official_test:
        pooled = len(test_rows) + np.arange(np.count_nonzero(arrays.part == TEST))
        test_rows = np.concatenate([test_rows, np.flatnonzero(arrays.part == TEST)])
    kept = rows[~testing]
    x, preprocessing = arrays.x, None
    if arrays.fit is not None:
        starts = np.cumsum(sizes) - sizes
        learned_from = [rows[starts[i] : starts[i] + trains[i]] for i in np.flatnonzero(~newcomers)]
        preprocessing = arrays.fit([arrays.x[own] for own in learned_from])
        x = preprocessing(arrays.x)
    federation = Federation(
        x=torch.from_numpy(x[kept]),
        y=torch.from_numpy(arrays.y[kept]),
        x_test=torch.from_numpy(x[test_rows]),
        y_test=torch.from_numpy(arrays.y[test_rows]),
        train=Ragged.of(np.flatnonzero(~validating), trains),
        validation=Ragged.of(np.flatnonzero(validating), validations),
        test=Ragged.of(np.arange(np.count_nonzero(testing)), tests),
        names=_names(held, column if natural else None),
        newcomers=newcomers,
        pooled_test=pooled,
        classes=arrays.classes,
        task=arrays.task,
        groups=groups,
        truth=tuple(truths),
        class_names=arrays.class_names,
        preprocessing=preprocessing,
        notes=arrays.notes,
    )
    return applied(federation, skews, seed=seed)


def _dealt(arrays: Arrays, *, natural: bool, official_test: bool) -> npt.NDArray[np.int64]:
    """The samples that go to clients."""
    official = arrays.part == TEST
    if official_test and not official.any():
        raise InputError(
            "This data set has no official test set: judge global models on the clients' own test "
            "samples instead."
        )
    if official_test or (natural and _other_people(arrays)):
        return np.flatnonzero(~official)
    return np.arange(len(official))


def _other_people(arrays: Arrays) -> bool:
    """Whether nobody of the official test part holds any other sample."""
    if arrays.client is None:
        return False
    official = arrays.part == TEST
    return not np.isin(arrays.client[official], arrays.client[~official]).any()


def _strata(arrays: Arrays) -> npt.NDArray[np.int64]:
    """The class by which a sample is dealt: [n].

    With many labels, the rarest that the sample has; one class more for those that have none.
    """
    if arrays.task == "classes":
        return arrays.y
    rarity = np.argsort(arrays.y.sum(axis=0), kind="stable")
    first = arrays.y[:, rarity].argmax(axis=1)
    return np.where(arrays.y.any(axis=1), rarity[first], arrays.classes)


def _names(
    held: list[npt.NDArray[np.int64]], column: npt.NDArray[np.generic] | None
) -> tuple[str, ...]:
    if column is not None:
        return tuple(str(column[rows[0]]) for rows in held)
    width = len(str(len(held) - 1))
    return tuple(f"client-{i:0{width}d}" for i in range(len(held)))


def _groups(arrays: Arrays, held: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64] | None:
    """The group of each client, where all its samples are of one: [N]."""
    if arrays.group is None:
        return None
    groups = [np.unique(arrays.group[rows]) for rows in held]
    if any(len(group) != 1 for group in groups):
        return None
    return np.concatenate(groups)


def _as_truth(groups: npt.NDArray[np.int64]) -> Truth:
    names, place = np.unique(groups, return_inverse=True)
    return Truth("data set", place.astype(np.int64), tuple(f"group {name}" for name in names))
