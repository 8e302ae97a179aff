"""Federated learning among clients whose data are not alike.

>>> import unalike
>>> result = unalike.compare("digits", methods="fedavg", rounds=2, seeds=1)
"""

from importlib.metadata import version
from typing import TYPE_CHECKING

from .lazy_names import names_from

if TYPE_CHECKING:
    from .advice.advice_result import Advice
    from .api.advise import advise
    from .api.compare import compare
    from .api.continue_study import continue_study
    from .api.diagnose import DiagnosisResult, diagnose
    from .api.result import Result
    from .api.resume import resume
    from .core import Problem
    from .data.federation import Federation
    from .errors import DivergedError, InputError, WorkerError
    from .plugins import register
    from .results.summary import read_summary
    from .trained_models.loading import load
    from .trained_models.trained_model import TrainedModel

__version__ = version("unalike")

_HOMES = {
    "Advice": "advice.advice_result",
    "DiagnosisResult": "api.diagnose",
    "DivergedError": "errors",
    "Federation": "data.federation",
    "InputError": "errors",
    "Problem": "core",
    "Result": "api.result",
    "TrainedModel": "trained_models.trained_model",
    "WorkerError": "errors",
    "advise": "api.advise",
    "compare": "api.compare",
    "continue_study": "api.continue_study",
    "diagnose": "api.diagnose",
    "load": "trained_models.loading",
    "read_summary": "results.summary",
    "register": "plugins",
    "resume": "api.resume",
}

__all__ = [
    "Advice",
    "DiagnosisResult",
    "DivergedError",
    "Federation",
    "InputError",
    "Problem",
    "Result",
    "TrainedModel",
    "WorkerError",
    "__version__",
    "advise",
    "compare",
    "continue_study",
    "diagnose",
    "load",
    "read_summary",
    "register",
    "resume",
]


__getattr__ = names_from(__name__, _HOMES)
