"""The commands of a study on this machine: `compare`, `resume` and `report`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from unalike.errors import InputError

from . import completion, options
from .console import err, out, print_report, say
from .options import setting
from .show import interruptible, show_result
from .workers import with_workers

Folders = Annotated[
    list[Path],
    typer.Argument(
        metavar="FOLDER...",
        help="Folder of a study; the runs of further folders, with other parts of it, are added.",
    ),
]


@dataclass(frozen=True)
class Comparison(options.Group):
    """What is compared, for how long and how often."""

    official_test: Annotated[
        bool | None,
        typer.Option(
            "--official-test/--own-test",
            help="Judge global models on the data set's own test part.",
            show_default=False,
        ),
    ] = None
    methods: Annotated[
        str | None,
        setting(
            "Names separated by commas; see 'unalike methods'. [all]",
            completion=completion.methods,
        ),
    ] = None
    model: Annotated[
        str | None,
        setting("Network; auto picks one for the data. [auto]", completion=completion.model),
    ] = None
    loss: Annotated[
        str | None, setting("Loss of the task, such as huber. [the task's usual one]")
    ] = None
    buffers: Annotated[
        str | None, setting("Running statistics: recompute, share or local. [recompute]")
    ] = None
    rounds: Annotated[int | None, setting("Rounds of training. [50]")] = None
    seeds: Annotated[int | None, setting("Repetitions; each deals the data anew. [3]")] = None
    dropout: Annotated[float | None, setting("Chance that a sampled client never answers. [0]")] = (
        None
    )
    sampling: Annotated[
        str | None, setting("How a cohort is drawn and weighed: A, I or II. [A]")
    ] = None
    privacy: Annotated[
        str | None, setting("KIND:clip=C,noise=SIGMA; central or local; optionally delta=. [none]")
    ] = None
    robust: Annotated[
        str | None,
        setting("Rule in place of the mean: caps, median, trimmed:share=0.2, ... [none]"),
    ] = None
    attack: Annotated[
        str | None, setting("What hostile clients do: sign-flip:share=0.2,scale=10, ... [none]")
    ] = None
    keep: Annotated[
        str | None, setting("Models that are kept: best,last, best, last or none. [best,last]")
    ] = None
    evaluate_every: Annotated[int | None, setting("Rounds between evaluations.")] = None
    chunk: Annotated[int | None, setting("Clients stacked at once; measured if not given.")] = None
    threads: Annotated[int | None, setting("Threads over chunks; measured if not given.")] = None
    compile: Annotated[
        bool | None,
        typer.Option("--compile/--eager", help="Compile the stacked work.", show_default=False),
    ] = None
    precision: Annotated[
        str | None,
        setting("Convolutions and products of clients that train: float32 or bf16. [float32]"),
    ] = None


@dataclass(frozen=True)
class Search(options.Group):
    """How hyper-parameters are searched."""

    tune: Annotated[
        int | None, setting("Settings that are tried of each method, all alike. [none: untuned]")
    ] = None
    sampler: Annotated[
        str | None, setting("How trials are proposed: sobol, tpe or random. [sobol]")
    ] = None

    def given(self) -> dict[str, Any]:
        """As the setting `tuning` of a study."""
        values = super().given()
        known = {"trials": values.get("tune"), "sampler": values.get("sampler")}
        tuning = {name: value for name, value in known.items() if value is not None}
        return {"tuning": tuning} if tuning else {}


@options.expand
@with_workers
def compare(
    *,
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="[STUDY]",
            help="A study file (TOML; options given here win), or the same as --data.",
            show_default=False,
            autocompletion=completion.data,
        ),
    ] = None,
    data: options.Data = None,
    reading: options.Reading,
    partition: options.Partition,
    held_out: options.HeldOut,
    comparison: Comparison,
    search: Search,
    training: options.Training,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A hyper-parameter: METHOD.NAME=VALUE; can be repeated.",
            autocompletion=completion.hyper_parameter,
        ),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder of the study. [runs/<data>-<split>]")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the study that the folder holds.")
    ] = False,
    shard: options.Shard = None,
    jobs: options.Jobs = None,
    backend: options.Backend = None,
    track: options.Track = None,
    plugin: options.Plugins = None,
) -> None:
    """Train methods side by side on unlike clients and say who wins and who loses."""
    from unalike.api.compare import run_study
    from unalike.study.settings import make_study, read_study
    from unalike.study.shard import WHOLE, parse_shard

    from .columns_table import show_columns
    from .progress import StudyProgress

    file = Path(study) if study is not None and is_study_file(study) else None
    data = data if file else options.one_data(study, data)
    chosen: dict[str, Any] = {} if data is None else {"data": data}
    for group in (reading, partition, held_out, comparison, search, training):
        chosen |= group.given()
    if set_:
        chosen["settings"] = hyper_parameters(set_)
    part = parse_shard(shard)
    kept = part != WHOLE and "tuning" not in chosen  # a part takes what a search has chosen before
    resolved = make_study(chosen) if file is None else read_study(file, chosen, as_chosen=kept)
    kinds = [one.kind for one in resolved.skew]
    named = "-".join([Path(resolved.data).stem, resolved.split, *kinds])
    target = folder or Path("runs") / named
    with interruptible(target), StudyProgress(resolved, err) as progress:
        result = run_study(
            resolved,
            target,
            overwrite=overwrite,
            shard=part,
            jobs=jobs,
            backend=backend or "loky",
            track=track or "",
            announce=show_columns,
            tell=progress.tell,
        )
    show_result(result, target)


@with_workers
def resume(
    folders: Folders,
    shard: options.Shard = None,
    jobs: options.Jobs = None,
    backend: options.Backend = None,
    track: options.Track = None,
    plugin: options.Plugins = None,
) -> None:
    """Continue a study where it stopped; a finished one is only said to be so."""
    from unalike.api.resume import resume as go_on
    from unalike.api.studies import unfinished
    from unalike.study.merge import open_study

    from .progress import StudyProgress

    folder, *others = folders
    study = open_study(folder)
    if not others and not unfinished(study, folder) and (folder / "report.html").exists():
        from unalike.api.result import read_result

        result = read_result(folder)
        sentence = f"The study in {folder} is finished; nothing to do."
        out.print(sentence, highlight=False, markup=False, soft_wrap=True)
        show_result(result, folder)
        return
    with interruptible(folder), StudyProgress(study, err) as progress:
        result = go_on(
            folder,
            *others,
            shard=shard,
            jobs=jobs,
            backend=backend or "loky",
            track=track or "",
            tell=progress.tell,
        )
    show_result(result, folder)


def report(folders: Folders, plugin: options.Plugins = None) -> None:
    """Write the report of a study anew, as far as the study has come."""
    from unalike.api.result import read_result
    from unalike.study.merge import merge_folders

    folder, *others = folders
    for sentence in merge_folders(folder, others):
        say(sentence)
    print_report(read_result(folder).report(folder / "report.html"))


def is_study_file(name: str) -> bool:
    """Whether it is one and no data, by its name; a file of no kind of data may be one too."""
    from unalike.data.reading.inputs import is_data_file

    place = Path(name)
    is_file = place.exists() and not place.is_dir()
    return place.suffix.lower() == ".toml" or (is_file and not is_data_file(place))


def hyper_parameters(given: list[str]) -> dict[str, dict[str, Any]]:
    """Of METHOD.NAME=VALUE, by method and name; the last one wins.

    Raises:
        InputError: one of them is written otherwise.
    """
    settings: dict[str, dict[str, Any]] = {}
    for text in given:
        path, equals, value = text.partition("=")
        method, dot, name = path.partition(".")
        if not (equals and dot and method and name):
            raise InputError(f"--set {text!r}: write METHOD.NAME=VALUE, as in mefl.alpha=0.01.")
        settings.setdefault(method.strip(), {})[name.strip()] = value.strip()
    return settings
