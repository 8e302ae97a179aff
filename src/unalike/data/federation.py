"""A federation from a data set or from arrays: deal, cut inside each client, choose newcomers."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
from annotated_types import Ge

from unalike.errors import InputError
from unalike.functional.settings_types import Count, Seed, checked
from unalike.functional.streams import generator
from unalike.tasks import AUTO

from .arrays import as_arrays
from .cut import check_shares, cut_draws, cut_samples
from .federated_data import FederatedData
from .preprocessing.client_ranges import client_range_sentences
from .preprocessing.table_preprocessing import TablePreprocessing
from .ragged import Ragged
from .skews.registry import apply_skews, parse_skews, resampling_skews
from .sources.source import TEST, Arrays
from .splits import deal, find
from .subjects import DEALT_ALONE, subject_notes
from .truth import Truth


@dataclass(frozen=True, eq=False, repr=False)
class Federation(FederatedData):
    """N clients and their samples: made by `federate`, or from arrays of your own."""

    @classmethod
    def from_arrays(
        cls,
        x: Any,
        y: Any,
        client: Any = None,
        *,
        split: str | None = None,
        clients: int | None = None,
        classes: int | None = None,
        task: str = AUTO,
        seed: int = 0,
        test: float = 0.2,
        validation: float = 0.1,
        new_clients: float = 0.0,
        min_size: int | None = None,
        skew: Any = (),
        subject: Any = None,
        **options: Any,
    ) -> "Federation":
        """A federation of your own data, in one call.

        Either `client` says whose each sample is, or `split` and `clients` (with the options of
        the split, such as alpha=0.1) say how to deal the samples.

            >>> x, y = np.ones((100, 3)), np.tile([0, 1], 50)
            >>> ours = Federation.from_arrays(x, y, client=np.repeat(["north", "south"], 50))
            >>> ours.names, ours.train.sizes.tolist(), ours.test.sizes.tolist()
            (('north', 'south'), [35, 35], [10, 10])

        Args:
            x: numbers [n, ...], an array, tensor, list or data frame; used as float32, unscaled.
            y: classes of any names [n], quantities [n] or [n, k], zeros and ones [n, C] where a
                sample can have many labels, times and events [n, 2], or tokens [n, T].
            client: one name or number a sample [n].
            split: a name in `SPLITS`; "natural" where `client` is given.
            clients: how many clients to deal to; all natural ones where it is not given.
            classes: C, where some classes may have no sample; then y must be numbers 0..C-1.
            task: what is asked of a sample, a name in `unalike.tasks.TASKS`; "auto" finds out from
                y and says so in `notes`.
            seed: decides the deal, the cut inside each client and the newcomers.
            test: share of each client's samples kept for testing.
            validation: share of each client's samples kept for validation.
            new_clients: share of the clients that never train.
            min_size: the least that a client may hold, see `federate`.
            skew: further skews, such as ["rotation", {"kind": "noise", "level": 0.3}].
            subject: one name or number a sample [n], of a patient, say: samples of one stay
                together in training, validation or test.
            options: of the split.

        Raises:
            InputError: the data cannot be used; one sentence says what to change.
        """
        named = parse_skews(skew).split
        if named and split is not None:
            raise InputError(
                f"split={split!r} beside the skew {named['split']!r}: say how samples are dealt "
                "once."
            )
        if client is None and split is None and not named:
            raise InputError(
                "Say whose each sample is with client=..., or how to deal the samples with "
                "split=... and clients=..."
            )
        return federate(
            as_arrays(x, y, client, classes, task, subject=subject),
            split=split or "natural",
            clients=clients,
            seed=seed,
            test=test,
            validation=validation,
            new_clients=new_clients,
            min_size=min_size,
            skew=skew,
            **options,
        )


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
    that of `cut`), so all three follow the client's own mix; where a subject has several samples,
    these stay together, and a split deals them as one, of the class of the first (`subjects.py`).
    All samples of the set are dealt, its official test part too, with two exceptions: with
    `official_test` that part is kept whole for judging global models (`pooled_test`); and where it
    comes from people of its own, the natural split leaves it out. Raw samples such as texts become
    numbers by what is learned from the training samples of the clients that train, and from
    nothing else.

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
    skews, split_given = parse_skews(skew)
    if split_given:
        split, options = str(split_given.pop("split")), {**options, **split_given}
    seed = checked("seed", seed, Seed)
    clients = checked("clients", clients, Count | None)
    min_size = checked("min_size", min_size, Annotated[int, Ge(0)] | None)
    check_shares(validation, test)
    if not 0 <= new_clients < 1:
        raise InputError(
            f"The share of new clients must be from 0 to below 1, not {new_clients}: "
            "somebody has to train."
        )
    natural = find(split).natural
    rows_to_deal = _rows_to_deal(arrays, natural=natural, official_test=official_test)
    column = None if arrays.client is None else arrays.client[rows_to_deal]
    whole = None
    if arrays.subjects is not None and not natural:
        whole = arrays.subjects.of(rows_to_deal).lists
    strata = _strata(arrays)[rows_to_deal]
    dealt = strata if whole is None else strata[whole.values[whole.offsets[:-1]]]
    if min_size is None:
        needed = 1 + (validation > 0) + (test > 0)
        scarce = not natural and len(dealt) < 2 * needed * (clients or 1)
        min_size = 1 if scarce else needed
    client_rows = deal(
        split,
        dealt,
        clients,
        generator(seed, "data/split"),
        client=column,
        min_size=min_size,
        **options,
    )
    if whole is not None:
        client_rows = [np.sort(whole.of_rows(held).values) for held in client_rows]
    if len(client_rows) < 2:
        raise InputError(f"A federation needs at least 2 clients, not {len(client_rows)}.")
    groups = _groups(arrays, [rows_to_deal[indices] for indices in client_rows])
    truths = [] if groups is None else [_as_truth(groups)]
    for resampling in resampling_skews(skews):
        client_rows, truth = resampling.resample(strata, client_rows, seed=seed, least=min_size)
        truths += [] if truth is None else [truth]

    sizes = np.array([len(rows) for rows in client_rows])
    owner = np.repeat(np.arange(len(client_rows)), sizes)
    rows = rows_to_deal[np.concatenate(client_rows)]
    subjects = None if arrays.subjects is None else arrays.subjects.of(rows)
    draws = cut_draws(seed, len(rows))
    parted = cut_samples(sizes, draws, subjects, seed=seed, validation=validation, test=test)
    trains, validations, tests = parted.train, parted.validation, parted.test
    rows = rows[parted.order]
    subject = _subject_of_each(arrays, rows, parted.together[owner])
    place = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    testing = place >= (trains + validations)[owner]
    validating = (place >= trains[owner])[~testing]

    newcomers = np.zeros(len(client_rows), np.bool_)
    count = min(int(new_clients * len(client_rows) + 1e-9), len(client_rows) - 1)
    newcomers[generator(seed, "data/newcomers").choice(len(client_rows), count, replace=False)] = (
        True
    )

    test_rows = rows[testing]
    pooled = np.flatnonzero(~newcomers[owner[testing]])
    if official_test:
        pooled = len(test_rows) + np.arange(np.count_nonzero(arrays.part == TEST))
        test_rows = np.concatenate([test_rows, np.flatnonzero(arrays.part == TEST)])
    resident = rows[~testing]
    x, preprocessing = arrays.x, None
    if arrays.fit is not None:
        starts = np.cumsum(sizes) - sizes
        learned_from = [rows[starts[i] : starts[i] + trains[i]] for i in np.flatnonzero(~newcomers)]
        preprocessing = arrays.fit([arrays.x[own] for own in learned_from])
        x = preprocessing(arrays.x)
    names = _names(client_rows, column if natural else None)
    notes = list(arrays.notes)
    if arrays.subjects is not None:
        notes += subject_notes(arrays.subjects, parted.together, parted.parted, names)
        if parted.together.any() and resampling_skews(skews):
            notes.append(DEALT_ALONE)
    if isinstance(preprocessing, TablePreprocessing):
        held = np.split(rows, np.cumsum(sizes)[:-1])
        notes += client_range_sentences(preprocessing, arrays.x, held, names)
    federation = Federation(
        x=torch.from_numpy(x[resident]),
        y=torch.from_numpy(arrays.y[resident]),
        x_test=torch.from_numpy(x[test_rows]),
        y_test=torch.from_numpy(arrays.y[test_rows]),
        train=Ragged.of(np.flatnonzero(~validating), trains),
        validation=Ragged.of(np.flatnonzero(validating), validations),
        test=Ragged.of(np.arange(np.count_nonzero(testing)), tests),
        names=names,
        newcomers=newcomers,
        pooled_test=pooled,
        origin=subject[test_rows],
        subject=subject[resident] if parted.together.any() else None,
        task=arrays.question,
        groups=groups,
        truth=tuple(truths),
        preprocessing=preprocessing,
        notes=tuple(notes),
    )
    return apply_skews(federation, skews, seed=seed)


def _subject_of_each(
    arrays: Arrays, rows: npt.NDArray[np.int64], stays: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """The first sample of the same subject, of those that stay together; else each sample: [n].

    stays: of these rows.
    """
    subject = np.arange(len(arrays.part))
    if arrays.subjects is not None and stays.any():
        held = np.sort(rows[stays])
        first, place = np.unique(
            arrays.subjects.of(held).distinct, return_index=True, return_inverse=True
        )[1:]
        subject[held] = held[first][place]
    return subject


def _rows_to_deal(arrays: Arrays, *, natural: bool, official_test: bool) -> npt.NDArray[np.int64]:
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

    Of quantities the range; with many labels, the rarest that the sample has, and one class more
    for those that have none.
    """
    strata = arrays.question.strata(arrays.y)
    member = strata.member
    if member.ndim == 1:
        return member
    rarity = np.argsort(member.sum(axis=0), kind="stable")
    first = member[:, rarity].argmax(axis=1)
    return np.where(member.any(axis=1), rarity[first], len(strata.names))


def _names(
    client_rows: list[npt.NDArray[np.int64]], column: npt.NDArray[np.generic] | None
) -> tuple[str, ...]:
    if column is not None:
        return tuple(str(column[rows[0]]) for rows in client_rows)
    width = len(str(len(client_rows) - 1))
    return tuple(f"client-{i:0{width}d}" for i in range(len(client_rows)))


def _groups(
    arrays: Arrays, client_rows: list[npt.NDArray[np.int64]]
) -> npt.NDArray[np.int64] | None:
    """The group of each client, where all its samples are of one: [N]."""
    if arrays.group is None:
        return None
    groups = [np.unique(arrays.group[rows]) for rows in client_rows]
    if any(len(group) != 1 for group in groups):
        return None
    return np.concatenate(groups)


def _as_truth(groups: npt.NDArray[np.int64]) -> Truth:
    names, place = np.unique(groups, return_inverse=True)
    return Truth("data set", place.astype(np.int64), tuple(f"group {name}" for name in names))
