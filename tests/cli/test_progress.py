"""What is shown while work is done: on a terminal, and where there is none."""

import io
import re

import pytest
from rich.console import Console

from small_studies import SMALL
from unalike.cli import progress as displays
from unalike.cli.network.federation_progress import FederationProgress
from unalike.cli.progress import ProgressDisplay, RaceProgress, StudyProgress
from unalike.network.server import events
from unalike.study.settings import make_study
from unalike.study.training import ProgressEvent


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=140, color_system=None)


def file() -> Console:
    return Console(file=io.StringIO(), width=140)


class Clock:
    """A time that passes when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(displays.time, "monotonic", lambda: self.now)


def test_the_time_left_follows_from_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    display, clock = ProgressDisplay(terminal(), "rounds"), Clock(monkeypatch)
    display._bars.get_time = lambda: clock.now
    for done in range(4):
        display.bar("a", "FedAvg", done, 10)
        if done < 2:
            assert " left" not in drawn(display)
        clock.now += 2.0
    assert "3/10 rounds" in drawn(display)
    assert "14 s left" in drawn(display)


def drawn(display: ProgressDisplay) -> str:
    console = terminal()
    console.print(display.picture())
    return text_of(console)


def test_without_a_terminal_a_line_is_printed_at_times(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, console = Clock(monkeypatch), file()
    study = make_study({**SMALL, "rounds": 50})
    with StudyProgress(study, console) as progress:
        progress.tell(ProgressEvent("", 0, 0, runs=2))
        for t in range(1, 31):
            clock.now += 0.9
            progress.tell(ProgressEvent("fedavg", 0, t, remark="the same for all rounds"))
    assert text_of(console).splitlines() == [
        "note: fedavg, seed 0: the same for all rounds",
        "12 of 100 rounds done, about 1 min 19 s left",
        "24 of 100 rounds done, about 1 min 8 s left",
    ]


def test_the_first_result_is_said_at_once() -> None:
    console = file()
    with StudyProgress(make_study(SMALL), console) as progress:
        progress.tell(ProgressEvent("", 0, 0, runs=2))
        for label, t in (("local", 1), ("local", 2), ("fedavg", 1)):
            progress.tell(ProgressEvent(label, 0, t, f"{40 + t}.0%"))
    (said,) = text_of(console).splitlines()
    assert said == "first result: Local, seed 0, round 1: validation 41.0%"


def test_a_study_on_a_terminal() -> None:
    progress = StudyProgress(make_study(SMALL), terminal())
    progress.tell(ProgressEvent("", 0, 0, runs=2))
    progress.tell(ProgressEvent("fedavg", 0, 3, finished=True))
    progress.tell(ProgressEvent("per_fedavg", 0, 1, "50.0%"))
    picture = drawn(progress)
    for words in ("all runs", "4/6 rounds", "Per-FedAvg, seed 0", "validation 50.0%"):
        assert words in picture, words
    assert "FedAvg, seed 0" not in picture.replace("Per-FedAvg", "")


def test_a_race_on_a_terminal_shows_the_heat_that_is_run() -> None:
    progress = RaceProgress(terminal())
    progress.tell(ProgressEvent("", 0, 0, runs=9))
    progress.tell(ProgressEvent("fedavg-1", 0, 5, finished=True))
    progress.tell(ProgressEvent("fedprox-1", 0, 1))
    assert "1/9 runs" in drawn(progress)
    assert "fedprox-1" in drawn(progress)
    progress.tell(ProgressEvent("", 0, 0, runs=4))
    progress.tell(ProgressEvent("fedavg-2", 0, 1))
    assert "0/4 runs" in drawn(progress)
    assert "/9" not in drawn(progress)


def test_a_race_names_who_is_in_trouble_and_says_the_first_of_each() -> None:
    console = file()
    progress = RaceProgress(console)
    progress.tell(ProgressEvent("", 0, 0, remark="heat 1", runs=9))
    progress.tell(ProgressEvent("", 0, 0, remark="heat 1", runs=9))
    for label in ("pfedme-1", "pfedme-2"):
        for rest in (99, 16):
            progress.tell(ProgressEvent(label, 0, 5, remark=f"{rest} % is left"))
    assert text_of(console).splitlines() == [
        "heat 1",
        "pfedme-1: 99 % is left",
        "pfedme-2: 99 % is left",
    ]


EVENTS = [
    {"event": "serving", "listen": "0.0.0.0:9092"},
    {"event": "waiting", "for": ["a", "b"], "here": 0, "least": 2},
    {"event": "joined", "site": "a"},
    {"event": "joined", "site": "b"},
    {"event": "refused", "site": "c", "why": "its samples are of another shape."},
    {"event": "prepared", "asked": "Asked of each sample: x.", "columns": [], "sentences": []},
    {"event": "plan", "method": "fedrep", "seed": 0, "text": "2 sites"},
]


def measured(accuracy: dict[str, float]) -> dict[str, object]:
    """What an event of a measured round says of it."""
    texts = {name: f"{value:.1%}" for name, value in accuracy.items()}
    mean = sum(accuracy.values()) / len(accuracy)
    return {"measure": "accuracy", "accuracy": accuracy, "texts": texts, "mean": f"{mean:.1%}"}


def a_round(t: int, **more: object) -> dict[str, object]:
    usual = {"event": "round", "method": "fedrep", "seed": 0, "t": t, "rounds": 10, "answers": 2}
    sizes = {"dropped": [], "rejected": [], "bytes_down": 2_000_000, "bytes_up": 1_000_000}
    return usual | sizes | more


def shown(console: Console) -> FederationProgress:
    progress = FederationProgress(console, "study", lambda: {"a"})
    for event in EVENTS:
        progress.tell(event)
    progress.tell(a_round(1))
    progress.tell(a_round(2, dropped=["b"], answers=1))
    progress.tell(a_round(3, **measured({"a": 0.5, "b": 0.75})))
    return progress


def test_a_federation_without_a_terminal_is_a_line_for_each_event() -> None:
    shown(console := file())
    assert text_of(console).splitlines() == [
        "Serving at 0.0.0.0:9092.",
        "Waiting for a, b: 0 here, 2 needed.",
        "a has joined.",
        "b has joined.",
        "c was refused: its samples are of another shape.",
        "Asked of each sample: x.",
        "2 sites",
        "fedrep, seed 0, round 1/10; 2 answers.",
        "fedrep, seed 0, round 2/10; 1 answers; without b.",
        "fedrep, seed 0, round 3/10; 2 answers; accuracy 62.5%.",
    ]


def test_a_federation_on_a_terminal() -> None:
    progress = shown(console := terminal())
    assert "c was refused" in text_of(console)
    assert "round 1/10" not in text_of(console)
    rows = [line.split() for line in drawn(progress).splitlines()]
    assert ["study", "training"] in rows
    assert ["a", "yes", "50.0%", "0"] in rows
    assert ["b", "no", "75.0%", "1"] in rows
    for words in ("fedrep, seed 0", "3/10 rounds", "6.00 MB down, 3.00 MB up", " left"):
        assert words in drawn(progress), words
    progress.tell(a_round(1, method="fedavg"))
    assert "fedrep" not in drawn(progress)


def test_sites_that_hide_their_accuracy() -> None:
    plain = FederationProgress(console := file(), "study")
    progress = FederationProgress(terminal(), "study")
    for each in (progress, plain):
        each.tell(a_round(3, **measured({"a": 0.5}), hidden=["b", "c"]))
    assert text_of(console).strip().endswith("accuracy 50.0%; accuracy hidden by b, c.")
    assert drawn(progress).count("hidden") == 2


def test_a_federation_that_has_not_begun() -> None:
    with FederationProgress(terminal(), "study") as progress:
        progress.tell(EVENTS[1])
        assert "waiting for a, b" in drawn(progress)
        assert "rounds" not in drawn(progress)


def test_the_events_of_the_server_app_are_known() -> None:
    """Every kind of event that the server app promises is shown or knowingly left out."""
    promised = set(re.findall(r"^    (\w+)", events.__doc__ or "", re.MULTILINE))
    ends = [
        {"event": "starting", "text": "x"},
        {"event": "remark", "text": "x"},
        {"event": "finished"},
        {"event": "failed", "why": "x"},
    ]
    told = [*EVENTS, a_round(1), *ends]
    assert {event["event"] for event in told} == promised | {"serving"}
    progress = FederationProgress(console := file(), "study")
    for event in told:
        progress.tell(event)
    assert len(text_of(console).splitlines()) == len(told) - 1, "why it failed is said at the end"


def test_nobody_else_steers_the_terminal() -> None:
    progress = FederationProgress(console := file(), "study")
    progress.tell({"event": "remark", "text": "a\x1b[2Jb [/x] \u202ec\rd"})
    assert text_of(console) == "a\\x1b[2Jb [/x] \\u202ec\\rd\n"


def test_trials_have_a_bar_of_their_own_until_runs_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    display, clock = StudyProgress(make_study(SMALL), terminal()), Clock(monkeypatch)
    clock.now += 5.0
    display.tell(ProgressEvent("", 0, 0, trials=(3, 12)))
    assert "3/12 runs of trials" in drawn(display)
    display.tell(ProgressEvent("", 0, 0, runs=2))
    assert "runs of trials" not in drawn(display)
    assert "0/6 rounds" in drawn(display)
