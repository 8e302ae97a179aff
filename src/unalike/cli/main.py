"""The command `unalike`: reads options, calls the library, prints. No logic of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperCommand

from unalike import __version__
from unalike.errors import InputError

from . import network as network_cli
from . import options
from .advise import advise


class Command(TyperCommand):
    """A command whose help is plain text: some releases of typer escape [ for rich regardless."""

    def get_help(self, ctx: Any) -> str:
        """The help, with the brackets as they were written."""
        return super().get_help(ctx).replace("\\[", "[")


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Federated learning among clients whose data are not alike.",
)
UsageError: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
out = Console()
err = Console(stderr=True)


def main() -> None:
    """Run the command; every problem a user can mend is one sentence and exit code 2."""
    for command in app.registered_commands:
        command.cls = Command
    try:
        code = app(standalone_mode=False)
    except typer.Abort:
        code = 130
    except UsageError as error:
        _complain(_suggesting_once(error.format_message()))
        code = 2
    except InputError as error:
        _complain(str(error))
        code = 2
    except MemoryError as error:
        _complain(str(error) or "There is not enough memory.")
        code = 1
    except KeyboardInterrupt:
        _complain("Interrupted. What is done is kept: go on with 'unalike resume DIR'.")
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


def _complain(sentence: str) -> None:
    err.print(
        f"unalike: {sentence}", style="bold red", highlight=False, soft_wrap=True, markup=False
    )


def _suggesting_once(sentence: str) -> str:
    """Some releases of typer repeat what click has suggested already."""
    problem, *suggestions = sentence.split(" Did you mean ")
    return " Did you mean ".join([problem, *dict.fromkeys(suggestions)])


def _version(wanted: bool) -> None:
    if wanted:
        print(f"unalike {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    pass


network_cli.register(app)


@app.command()
def compare(
    study: Annotated[
        Path | None, typer.Argument(help="A study file (TOML); options given here win.")
    ] = None,
    data: Annotated[str | None, options.setting("Data set; see 'unalike data'. [digits]")] = None,
    data_dir: options.DataDir = None,
    split: options.Split = None,
    alpha: options.Alpha = None,
    classes_per_client: options.ClassesPerClient = None,
    shards_per_client: options.ShardsPerClient = None,
    law: options.Law = None,
    sigma: options.Sigma = None,
    exponent: options.Exponent = None,
    skew: options.Skew = None,
    clients: options.Clients = None,
    min_size: options.MinSize = None,
    cohort: options.Cohort = None,
    new_clients: options.NewClients = None,
    validation: options.Validation = None,
    test: options.Test = None,
    official_test: Annotated[
        bool | None,
        typer.Option(
            "--official-test/--own-test",
            help="Judge global models on the data set's own test part.",
            show_default=False,
        ),
    ] = None,
    methods: Annotated[
        str | None, options.setting("Names separated by commas; see 'unalike methods'. [all]")
    ] = None,
    model: Annotated[
        str | None, options.setting("Network; auto picks one for the data. [auto]")
    ] = None,
    buffers: Annotated[
        str | None, options.setting("Running statistics: recompute, share or local. [recompute]")
    ] = None,
    rounds: Annotated[int | None, options.setting("Rounds of training. [50]")] = None,
    local_epochs: Annotated[int | None, options.setting("Local epochs in a round. [1]")] = None,
    batch_size: Annotated[int | None, options.setting("Samples in a local step. [16]")] = None,
    seeds: Annotated[
        int | None, options.setting("Repetitions; each deals the data anew. [3]")
    ] = None,
    dropout: Annotated[
        float | None, options.setting("Chance that a sampled client never answers. [0]")
    ] = None,
    weights: Annotated[
        str | None, options.setting("What a client counts in averages. [proportional]")
    ] = None,
    sampling: Annotated[
        str | None, options.setting("How a cohort is drawn and weighed: A, I or II. [A]")
    ] = None,
    privacy: Annotated[
        str | None,
        options.setting("KIND:clip=C,noise=SIGMA; central or local; optionally delta=. [none]"),
    ] = None,
    evaluate_every: Annotated[int | None, options.setting("Rounds between evaluations.")] = None,
    device: Annotated[str | None, options.setting("cpu, cuda or auto. [cpu]")] = None,
    chunk: Annotated[
        int | None, options.setting("Clients stacked at once; measured if not given.")
    ] = None,
    threads: Annotated[
        int | None, options.setting("Threads over chunks; measured if not given.")
    ] = None,
    compile: Annotated[  # noqa: A002
        bool | None,
        typer.Option("--compile/--eager", help="Compile the stacked work.", show_default=False),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A hyper-parameter: METHOD.NAME=VALUE; can be repeated."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder of the study. [runs/<data>-<split>]")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the study that the folder holds.")
    ] = False,
    jobs: Annotated[int | None, options.setting("Runs at the same time. [cores]")] = None,
) -> None:
    """Train methods side by side on unlike clients and say who wins and who loses."""
    from unalike.api.compare import run_study
    from unalike.study.settings import Study, make_study, read_study

    given = {name: value for name, value in locals().items() if name in Study.model_fields}
    chosen = {name: value for name, value in given.items() if value not in (None, [])}
    if set_:
        chosen["settings"] = _settings(set_)
    resolved = make_study(chosen) if study is None else read_study(study, chosen)
    named = "-".join([resolved.data, resolved.split, *(one.kind for one in resolved.skew)])
    target = folder or Path("runs") / named
    with _progress(resolved) as progress:
        result = run_study(
            resolved, target, overwrite=overwrite, jobs=_jobs(jobs), tell=progress.tell
        )
    _show(result, target)


@app.command()
def resume(
    folder: Annotated[Path, typer.Argument(help="Folder of a study.")],
    jobs: Annotated[int | None, options.setting("Runs at the same time. [cores]")] = None,
) -> None:
    """Continue a study where it stopped; a finished one is only said to be so."""
    from unalike.api.resume import resume as go_on
    from unalike.api.studies import open_study, read_result, unfinished

    study = open_study(folder)
    left = unfinished(study, folder)
    if not left and (folder / "report.html").exists():
        out.print(f"The study in {folder} is finished; nothing to do.", highlight=False)
        _show(read_result(folder), folder)
        return
    with _progress(study) as progress:
        result = go_on(folder, jobs=_jobs(jobs), tell=progress.tell)
    _show(result, folder)


@app.command()
def diagnose(
    data: options.Data = "digits",
    client_column: options.ClientColumn = None,
    label_column: options.LabelColumn = None,
    time_column: Annotated[
        str | None, options.setting("Own files: when a sample was taken.")
    ] = None,
    label: Annotated[
        int | None,
        options.setting("Of data with many labels a sample, the number of the one to look at."),
    ] = None,
    data_dir: options.DataDir = None,
    split: options.Split = None,
    alpha: options.Alpha = None,
    classes_per_client: options.ClassesPerClient = None,
    shards_per_client: options.ShardsPerClient = None,
    law: options.Law = None,
    sigma: options.Sigma = None,
    exponent: options.Exponent = None,
    skew: options.Skew = None,
    clients: options.Clients = None,
    min_size: options.MinSize = None,
    shuffles: Annotated[int, typer.Option(help="Shuffles of membership for each kind.")] = 200,
    level: Annotated[
        float, typer.Option(help="How often at most chance alone may raise an alarm.")
    ] = 0.05,
    seed: Annotated[int, typer.Option(help="Decides the deal and the shuffles.")] = 0,
    optimise: Annotated[
        bool,
        typer.Option(
            "--optimise/--no-optimise",
            help="Measure what the clients do to optimisation, which takes longest.",
        ),
    ] = True,
    folder: Annotated[
        Path, typer.Option("--out", help="Folder for diagnosis.json and diagnosis.html.")
    ] = Path("runs/diagnosis"),
) -> None:
    """Say how unlike clients are, in which way, and whether that is more than chance."""
    settings = {
        "data_dir": data_dir,
        "split": split,
        "alpha": alpha,
        "classes_per_client": classes_per_client,
        "shards_per_client": shards_per_client,
        "law": law,
        "sigma": sigma,
        "exponent": exponent,
        "skew": skew or None,
        "clients": clients,
        "min_size": min_size,
    }
    from unalike.api.diagnose import diagnose as examine
    from unalike.diagnosis.terminal import Terminal

    found = examine(
        data,
        client_column=client_column,
        label_column=label_column,
        time_column=time_column,
        label=label,
        shuffles=shuffles,
        level=level,
        seed=seed,
        optimise=optimise,
        out=folder,
        **{key: value for key, value in settings.items() if value is not None},
    )
    out.print(Terminal(found))
    out.print(f"\n{found.headline}", style="bold", highlight=False, markup=False)
    page = folder / "diagnosis.html"
    out.print(f"Report: {page}", highlight=False, markup=False, soft_wrap=True)


app.command()(advise)


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="Folder of a study.")]) -> None:
    """Write the report of a study anew, as far as the study has come."""
    from unalike.api.studies import read_result

    path = read_result(folder).report(folder / "report.html")
    out.print(f"Report: {path}", highlight=False, soft_wrap=True)


@app.command()
def methods(
    name: Annotated[str | None, typer.Argument(help="One method, in full.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List the methods: paper, year, hyper-parameters, what travels, what stays private."""
    from unalike.errors import unknown
    from unalike.methods import METHODS
    from unalike.methods.header import header

    if name is not None and name not in METHODS:
        raise unknown("method", name, METHODS)
    chosen = [header(cls) for key, cls in METHODS.items() if name in (None, key)]
    if as_json:
        print(json.dumps([_method_as_json(one) for one in chosen], indent=2, ensure_ascii=False))
        return
    if name is None:
        table = Table("name", "title", "year", "idea", box=None, pad_edge=False)
        for one in chosen:
            table.add_row(one.name, one.title, str(one.year or ""), one.idea)
        out.print(table)
        return
    (one,) = chosen
    out.print(f"{one.title}: {one.idea}\n", highlight=False)
    for key in ("source", "wire", "ours"):
        out.print(f"{key.capitalize():8}{getattr(one, key)}", highlight=False, markup=False)
    table = Table("hyper-parameter", "default", "meaning", box=None, pad_edge=False)
    for setting in one.settings:
        table.add_row(setting.name, str(setting.default), setting.meaning)
    out.print()
    out.print(table)


@app.command()
def data(
    name: Annotated[str | None, typer.Argument(help="One data set, in full.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    data_dir: options.DataDir = None,
) -> None:
    """List the data sets: size, classes, licence, whether they are here."""
    from unalike.data.sources import SOURCES, find, is_here

    rows: list[dict[str, Any]] = [
        {
            "name": source.name,
            "title": source.title,
            "samples": source.samples,
            "shape": list(source.shape),
            "classes": source.classes,
            "licence": source.licence,
            "citation": source.citation,
            "here": is_here(source.name, data_dir),
        }
        for source in (SOURCES.values() if name is None else [find(name)])
    ]
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if name is not None:
        for key, value in rows[0].items():
            out.print(f"{key:10}{value}", highlight=False, markup=False)
        return
    table = Table(
        "name", "samples", "shape", "classes", "here", "licence", box=None, pad_edge=False
    )
    for row in rows:
        shape = "x".join(str(side) for side in row["shape"])
        here = "yes" if row["here"] else "no"
        table.add_row(
            row["name"], f"{row['samples']:,}", shape, str(row["classes"]), here, row["licence"]
        )
    out.print(table)


@app.command()
def skews(
    name: Annotated[str | None, typer.Argument(help="One kind, in full.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List the kinds of skew that compose on any split: what they do, and their settings."""
    from unalike.data.skews.registry import KINDS
    from unalike.errors import unknown

    if name is not None and name not in KINDS:
        raise unknown("skew", name, KINDS)
    chosen = {kind: cls for kind, cls in KINDS.items() if name in (None, kind)}
    rows: list[dict[str, Any]] = [
        {
            "kind": kind,
            "family": cls.family,
            "meaning": cls.meaning,
            "settings": [
                {"name": key, "default": field.default, "meaning": field.description}
                for key, field in cls.model_fields.items()
                if key != "kind"
            ],
        }
        for kind, cls in chosen.items()
    ]
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    columns = ("setting", "default", "meaning") if name else ("kind", "family", "does", "settings")
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        if name is not None:
            out.print(f"{row['kind']} ({row['family']}): {row['meaning']}\n", highlight=False)
            for setting in row["settings"]:
                table.add_row(setting["name"], str(setting["default"]), setting["meaning"])
            continue
        settings = ", ".join(f"{one['name']}={one['default']}" for one in row["settings"])
        table.add_row(row["kind"], row["family"], row["meaning"], settings)
    out.print(table)


def _settings(given: list[str]) -> dict[str, dict[str, Any]]:
    """METHOD.NAME=VALUE, the last one wins."""
    settings: dict[str, dict[str, Any]] = {}
    for text in given:
        path, equals, value = text.partition("=")
        method, dot, name = path.partition(".")
        if not (equals and dot and method and name):
            raise InputError(f"--set {text!r}: write METHOD.NAME=VALUE, as in mefl.alpha=0.01.")
        settings.setdefault(method.strip(), {})[name.strip()] = value.strip()
    return settings


def _method_as_json(one: Any) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "idea": one.idea,
        "paper": one.source,
        "year": one.year,
        "hyperparameters": [setting._asdict() for setting in one.settings],
        "wire": one.wire,
        "ours": one.ours,
    }


def _jobs(given: int | None) -> int:
    from unalike.engines.machine import cores

    return given or cores()


def _progress(study: Any) -> Any:
    from .progress import Live

    return Live(study, err)


def _show(result: Any, folder: Path) -> None:
    from unalike.results.privacy_spent import SPENT
    from unalike.results.table import Terminal
    from unalike.results.verdict import judge

    out.print(Terminal(result))
    out.print(f"\n{judge(result).headline}", style="bold", highlight=False, markup=False)
    for sentence in result.remarks:
        if sentence.startswith(SPENT):
            out.print(sentence, highlight=False, markup=False)
    out.print(f"Report: {folder / 'report.html'}", highlight=False, markup=False, soft_wrap=True)
