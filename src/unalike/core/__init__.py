"""The words in which methods are written; of ours they import `functional` and `errors` alone."""

from unalike.functional.stack import any_client

from .batches import Batch, Batches
from .directions import corrected, proximal
from .local_steps import average, descend, each_sample, optimise, retrace, trace
from .method import Cohort, Method, NoState, Population
from .problem import Layout, Problem
from .solvers import Solver

__all__ = [
    "Batch",
    "Batches",
    "Cohort",
    "Layout",
    "Method",
    "NoState",
    "Population",
    "Problem",
    "Solver",
    "any_client",
    "average",
    "corrected",
    "descend",
    "each_sample",
    "optimise",
    "proximal",
    "retrace",
    "trace",
]
