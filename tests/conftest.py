"""Every proof says what it proves: `@pytest.mark.proof(family, statement)`."""

import pytest
import torch

from unalike.engines import plan_search


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "proof(family, statement): family is 'fixed point', 'invariant' or 'limit'; the statement "
        "is one line for the conformance matrix",
    )


LONG_FILES = ("test_docs.py", "test_kill.py", "test_jobs.py")
"""Begun first, so that no process is left alone with one of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONG_FILES)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _no_plans_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("plans")
    plan_search.cache_folder = lambda: folder
