"""PyTorch, imported when it is needed, and on which device it computes.

The only module that imports it. What may not happen here: a seed given to the library's global
generator, or a change of its global settings that outlasts a fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from understudy.errors import InputError

Tensor: TypeAlias = Any
"""A tensor of PyTorch, which is an extra: its types are not known everywhere."""


def torch_module() -> Any:
    """PyTorch.

    Raises
    ------
    InputError
        The extra `[neural]` is not installed.
    """
    try:
        import torch
    except ImportError as absent:
        raise InputError(
            "networks need PyTorch", hint="pip install 'understudy[neural]'"
        ) from absent
    return torch


def device_of(asked: str) -> str:
    """The device to compute on: `cpu`, `cuda`, or with `auto` CUDA where there is one.

    Raises
    ------
    InputError
        CUDA is asked for and absent.
    """
    if asked == "cpu":
        return "cpu"
    there = bool(torch_module().cuda.is_available())
    if asked == "cuda" and not there:
        raise InputError(
            "there is no CUDA device here",
            hint="use device='cpu', or 'auto', which takes CUDA only where there is one",
        )
    return "cuda" if there else "cpu"


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Compute on so many cores, and leave the library's setting as it was."""
    torch = torch_module()
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
