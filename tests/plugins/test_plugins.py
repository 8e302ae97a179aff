"""Methods, models, data sets, splits, skews, measures and tasks from anybody's module."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from torch import nn

import unalike
from plugin_files import ALL_KINDS, METHOD, written
from small_studies import SMALL, comparable
from unalike.cli.main import app
from unalike.core import Method
from unalike.data.skews.skew import Skew
from unalike.methods import METHODS, FedAvg
from unalike.methods.header import header
from unalike.models import build
from unalike.network.protocol.run_description import read_settings, settings_for_sites
from unalike.plugins import load_installed, load_plugins, plugin_modules, plugin_of
from unalike.plugins.registrations import registered, restore
from unalike.study.extensions import require_plugins
from unalike.study.settings import make_study, read_study
from unalike.tasks import TASKS, Task

STUDY: dict[str, Any] = {
    **{name: value for name, value in SMALL.items() if name not in ("alpha", "settings")},
    "data": "two-blobs",
    "model": "wide",
    "split": "halves:twist=3",
    "skew": ["flipped"],
}


@pytest.fixture(scope="module", autouse=True)
def _own_things_go_away() -> Iterator[None]:
    with catalogues_restored():
        yield


@pytest.fixture
def fresh() -> Iterator[None]:
    """The catalogues as they come with unalike; afterwards as they were."""
    with catalogues_restored():
        restore([])
        plugin_modules._loaded.clear()
        plugin_modules._brought.clear()
        yield
    load_installed.cache_clear()


@contextmanager
def catalogues_restored() -> Iterator[None]:
    """Catalogues, plugins and modules are afterwards what they were."""
    before, modules = registered(), set(sys.modules)
    loaded, brought = dict(plugin_modules._loaded), dict(plugin_modules._brought)
    yield
    _forget(before, modules)
    for kept, now in ((loaded, plugin_modules._loaded), (brought, plugin_modules._brought)):
        now.clear()
        now.update(kept)


def _forget(before: list[Any], modules: set[str]) -> None:
    restore(before)
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) and "pytest" in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]


def own_method() -> type[Method]:
    """A class that no module holds, as in a notebook."""

    @dataclass(frozen=True)
    class Twice(FedAvg):
        name: ClassVar[str] = "twice"
        times: float = 2.0

        def server_update(self, server: Any, ups: Any, cohort: Any) -> Any:
            return server + self.times * cohort.mean(ups)

    return Twice


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, Any]]:
    """A study of nothing but own things, in processes and in this one."""
    folder = tmp_path_factory.mktemp("pytest-own")
    plugin = written(folder, "everything_of_mine", METHOD, ALL_KINDS)

    def samples_of_a_client(output: Any, truth: Any) -> float:
        return float(len(truth))

    unalike.register(
        samples_of_a_client, kind="measure", task="classes", name="held", higher_is_better=True
    )
    results = {
        jobs: unalike.compare(
            methods=["fedavg", "halfway", own_method()(times=3.0), FedAvg(lr=0.2)],
            plugins=[str(plugin)],
            jobs=jobs,
            backend="loky",
            out=folder / f"{jobs}",
            **STUDY,
        )
        for jobs in (1, 2)
    }
    return folder, results


@pytest.mark.slow
def test_processes_find_everything_that_was_registered(
    studied: tuple[Path, dict[int, Any]],
) -> None:
    _, results = studied
    here, elsewhere = (comparable(results[jobs].frame) for jobs in (1, 2))
    assert here.equals(elsewhere)
    assert set(here["method"]) == {"local", "fedavg", "fedavg-lr=0.2", "halfway", "twice"}
    held = here[here["metric"] == "personalised_held_last"]
    assert set(held["value"]) == {5.0}, "the samples that each client is tested on"
    assert "personalised_sure_last" in set(here["metric"])


def test_own_settings_are_those_of_the_study(studied: tuple[Path, dict[int, Any]]) -> None:
    folder, _ = studied
    study = read_study(folder / "1" / "study.toml")
    assert study.method("fedavg-lr=0.2") == FedAvg(lr=0.2)
    assert study.settings["twice"] == {"times": 3.0}
    assert study.split_options() == {"twist": 3}
    assert list(study.plugin_versions) == ["everything_of_mine"]


@pytest.mark.slow
def test_another_process_reads_the_study(studied: tuple[Path, dict[int, Any]]) -> None:
    """What a plugin brought is found by its path; what a notebook brought is asked for."""
    folder, _ = studied
    command = [sys.executable, "-m", "unalike", "report", str(folder / "1")]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert ended.returncode == 2
    assert "Unknown method 'twice'" in ended.stderr
    text = (folder / "1" / "study.toml").read_text()
    (folder / "1" / "study.toml").write_text(
        text.replace('    "twice",\n', "").replace("[methods.twice]\ntimes = 3.0\n", "")
    )
    ended = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert ended.returncode == 0, ended.stderr
    (folder / "1" / "study.toml").write_text(text)


def test_a_plugin_that_changed_is_said_and_refused(studied: tuple[Path, dict[int, Any]]) -> None:
    folder, _ = studied
    study = read_study(folder / "1" / "study.toml")
    require_plugins(study)
    older = study.model_copy(update={"plugin_versions": {"everything_of_mine": "0.9"}})
    with pytest.raises(unalike.InputError, match=r"was 0\.9 when the study began and is sha256"):
        require_plugins(older)
    path = folder / "1" / "study.toml"
    text = path.read_text()
    path.write_text(text.replace(study.plugin_versions["everything_of_mine"], "0.9"))
    remarks = unalike.resume(folder / "1").remarks
    path.write_text(text)
    assert any("was 0.9 when the study began" in remark for remark in remarks)


def test_a_method_of_a_script_has_its_docstring_for_a_header(fresh: None, tmp_path: Path) -> None:
    load_plugins([str(written(tmp_path, "mine_alone", METHOD))])
    said = header(METHODS["halfway"])
    assert (said.title, said.idea) == ("Halfway", "Half of FedAvg's step.")
    assert said.settings[0].name == "lr"
    assert header(own_method()).idea


def test_a_site_takes_only_plugins_that_it_was_joined_with(fresh: None, tmp_path: Path) -> None:
    plugin = written(tmp_path, "of_both_ends", METHOD)
    before, modules = registered(), set(sys.modules)
    study = make_study({"methods": "halfway", "plugins": [str(plugin)]})
    told = settings_for_sites(study)
    assert told["plugins"] == ["of_both_ends"], "no path leaves the server"
    assert read_settings(told).method("halfway") == METHODS["halfway"]()
    other = {**told, "plugin_versions": {"of_both_ends": "2.0"}}
    with pytest.raises(unalike.InputError, match=r"is 2\.0 at the server and sha256:\w+ at this"):
        read_settings(other)
    _forget(before, modules)
    plugin_modules._loaded.clear()
    with pytest.raises(unalike.InputError, match="join with --plugin of_both_ends"):
        read_settings(told)
    with pytest.raises(unalike.InputError, match="join with --plugin antigravity"):
        read_settings({"plugins": ["antigravity"]})
    assert "antigravity" not in sys.modules


def test_installed_packages_are_found_by_entry_points(
    fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "of_a_package", METHOD, ALL_KINDS)
    about = tmp_path / "of_a_package-1.5.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: of-a-package\nVersion: 1.5\n")
    points = "[unalike.methods]\nhalfway = of_a_package:Halfway\n"
    (about / "entry_points.txt").write_text(points + "[unalike.splits]\nall = of_a_package\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    load_installed.cache_clear()
    study = make_study({"methods": "halfway"})
    assert study.plugins == ()
    assert study.plugin_versions == {"of-a-package": "1.5"}
    brought = plugin_of("split", "halves")
    assert (brought.name, brought.version) == ("of-a-package", "1.5")
    written(tmp_path, "of_a_package", "import there_is_no_such_module")
    del sys.modules["of_a_package"]
    load_installed.cache_clear()
    with pytest.raises(unalike.InputError, match=r"'of-a-package' .* cannot be imported: Module"):
        make_study({})


BAD_FILES = {
    "not importable": ("import there_is_no_such_module", "cannot be imported: ModuleNotFoundError"),
    "ends the process": ("raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
    "not Python": ("def :", "cannot be imported: SyntaxError"),
    "fails after it registered something": (
        f"{METHOD}\nraise RuntimeError('later')",
        "cannot be imported: RuntimeError: later",
    ),
    "registers nothing": ("x = 1", "registers nothing: put @unalike.register above"),
    "a taken name": (METHOD.replace('"halfway"', '"fedavg"'), "'fedavg' is taken by unalike"),
    "wrong base class": (
        METHOD.replace("class Halfway(Method)", "class Halfway"),
        "Halfway is no method: derive its class from unalike.core.Method",
    ),
    "no name": (METHOD.replace('= "halfway"', ""), "Halfway has no name: write name: ClassVar"),
    "no server": (METHOD.replace("def server_update", "def other"), "has no server_update"),
    "no default": (METHOD.replace("lr: float = 0.1", "lr: float"), "lr .* has no default"),
    "no dataclass": (
        METHOD.replace("@dataclass(frozen=True)", ""),
        r"no frozen dataclass, so its settings would not count: write @dataclass\(frozen=True\)",
    ),
    "unknown types": (METHOD.replace("lr: float", "lr: 'Foo'"), "'Foo' is not defined"),
    "a bad name": (METHOD.replace('"halfway"', '"../x"'), "cannot be called '../x'"),
    "no kind": (
        "import unalike\n@unalike.register\ndef f(output, truth): ...",
        "f does not say what it is: register it with kind=",
    ),
    "unknown kind": ("import unalike\nunalike.register(len, kind='model!')", "Unknown kind"),
    "a measure without a task": (
        "import unalike\n@unalike.register(kind='measure')\ndef f(output, truth): ...",
        "The measure f says no task",
    ),
    "a measure without a direction": (
        "import unalike\n@unalike.register(kind='measure', task='classes')\ndef f(o, t): ...",
        "The measure f says no direction",
    ),
    "a model of another form": (
        "import unalike\n@unalike.register(kind='model')\ndef f(shape): ...",
        r"The model 'f' cannot be called as \(shape, classes\)",
    ),
    "a split of another form": (
        "import unalike\n@unalike.register(kind='split')\ndef f(labels): ...",
        "The split 'f' cannot be called as",
    ),
    "a skew without a family": (
        ALL_KINDS.replace("    family: ClassVar[Family]", "    other: ClassVar[str]"),
        "Flipped has no family",
    ),
    "a skew that does nothing": (
        ALL_KINDS.replace("def transform", "def other"),
        r"Flipped has no transform\(",
    ),
    "an incomplete task": (
        "import unalike\nfrom unalike.tasks import Task\n@unalike.register\nclass T(Task): ...",
        "The task class T has no baseline, check_outputs|The task class T has no baseline",
    ),
    "an unknown fact": (
        "import unalike\n@unalike.register(kind='model', meening='x')\ndef f(s, c): ...",
        "Unknown fact of a model 'meening': did you mean 'meaning'",
    ),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_bad_plugins_end_in_one_sentence(fresh: None, tmp_path: Path, what: str) -> None:
    source, sentence = BAD_FILES[what]
    name = f"bad_{''.join(c if c.isalnum() else '_' for c in what)}"
    path, before = written(tmp_path, name, source), registered()
    with pytest.raises(unalike.InputError, match=sentence) as said:
        make_study({"plugins": [str(path)]})
    assert str(said.value).startswith(f"The plugin {path}")
    assert "\n" not in str(said.value)
    assert registered() == before, "nothing of it stays"


def test_plugins_that_are_not_there(fresh: None) -> None:
    with pytest.raises(unalike.InputError, match=r"There is no plugin file nowhere\.py\."):
        make_study({"plugins": ["nowhere.py"]})
    with pytest.raises(unalike.InputError, match="The plugin nowhere_at_all cannot be imported"):
        make_study({"plugins": "nowhere_at_all"})
    with pytest.raises(unalike.InputError, match="give a list, such as"):
        make_study({"plugins": 3})


def test_methods_that_are_none(fresh: None) -> None:
    wrong: Any = {"no method": nn.Linear, "taken": None}
    with pytest.raises(unalike.InputError, match="Linear is no method"):
        unalike.compare(methods=[wrong["no method"]])
    with pytest.raises(unalike.InputError, match="settings of 'fedavg' are given twice"):
        unalike.compare(methods=[FedAvg(lr=0.3)], settings={"fedavg": {"lr": 0.2}})
    with pytest.raises(unalike.InputError, match="'fedavg' is given twice"):
        unalike.compare(methods=["fedavg", FedAvg()])


def test_a_cell_that_is_run_again_replaces_what_it_registered(fresh: None) -> None:
    first, second = own_method(), own_method()
    unalike.register(first)
    unalike.register(second)
    assert METHODS["twice"] is second


def test_every_kind_is_found_by_its_name(fresh: None, tmp_path: Path) -> None:
    load_plugins([str(written(tmp_path, "all_kinds", ALL_KINDS))])
    assert type(build("wide", shape=(3,), classes=2, seed=0)).__name__ == "Wide"
    assert issubclass(TASKS["groups"], Task)
    skews = make_study({"skew": ["flipped"]}).skew
    assert isinstance(skews[0], Skew)
    with pytest.raises(unalike.InputError, match="Unknown setting of the split halves 'twust'"):
        make_study({"split": "halves:twust=1"})


def test_a_plugin_from_the_command_line(
    fresh: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "from_the_command_line", METHOD)
    app(["methods", "halfway", "--plugin", str(path)], standalone_mode=False)
    assert "Half of FedAvg's step." in capsys.readouterr().out
