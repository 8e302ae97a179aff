"""What a request says of the run that it belongs to: enough for a site to begin from nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from unalike import __version__
from unalike.errors import InputError
from unalike.plugins import load_installed
from unalike.study.extensions import module_name, require_same_plugins
from unalike.study.settings import Study, make_study

from .messages import MessageError


@dataclass(frozen=True)
class RunDescription:
    """One method with one seed, as seen by one site."""

    token: str  # of the federation
    study: dict[str, Any]  # the settings that are not the default
    label: str
    seed: int
    row: int  # the site's place in the study; random draws know the client by it
    clients: int  # N, all that train
    version: str = __version__

    def facts(self) -> dict[str, Any]:
        """As plain values."""
        return {"run": asdict(self)}

    @staticmethod
    def of(facts: dict[str, Any]) -> RunDescription:
        """The inverse of `facts`.

        Raises:
            MessageError: the facts are those of another version, or of no run.
        """
        run = facts.get("run")
        if not isinstance(run, dict) or run.get("version") != __version__:
            theirs = run.get("version") if isinstance(run, dict) else "another version"
            raise MessageError(
                f"the server runs unalike {theirs} and this site {__version__}: install the same"
            )
        try:
            return RunDescription(**run)
        except TypeError:
            raise MessageError("the question does not say which run it belongs to") from None

    def settings(self) -> Study:
        """The study that the run belongs to."""
        return read_settings(self.study)


def settings_for_sites(study: Study) -> dict[str, Any]:
    """A study's settings as plain values, without those that do not concern a site."""
    elsewhere = {"methods", "device", "data_dir", "chunk", "threads", "compile", "robust"}
    plain = study.model_dump(mode="json", exclude_defaults=True, exclude=elsewhere)
    if study.plugins:
        plain["plugins"] = [module_name(plugin) for plugin in study.plugins]
    return plain


def read_settings(plain: dict[str, Any]) -> Study:
    """The inverse of `settings_for_sites`.

    Raises:
        InputError: this machine has not the plugins that it uses.
        MessageError: there is no such study.
    """
    load_installed()
    require_same_plugins(plain.get("plugin_versions", {}), plain.get("plugins", ()))
    try:
        study = make_study(plain, "The server's study: ")
        refuse_simulation(study)
    except InputError as error:
        raise MessageError(str(error)) from None
    return study


def refuse_simulation(study: Study) -> None:
    """Refuse what only a simulation has.

    Raises:
        InputError: the study has an attack, or a precision that sites' processors may not have.
    """
    if study.attack is not None:
        raise InputError(
            "attack is for simulated studies ('unalike compare') and not for a network: leave it "
            "out."
        )
    if study.precision != "float32":
        raise InputError(
            "precision is for simulated studies ('unalike compare') and not for a network, whose "
            "sites have processors of their own: leave it out."
        )
