"""The contract of anything analog that is set up for a problem and then asked to compute.

A board that multiplies by a stored matrix and a computer that integrates a patched circuit have little in common; what
they share is this: a problem is loaded and stays, a task is computed with it, and there is a safe state. What a
problem, a task and an answer are is each computer's own; for a network layer see :mod:`data.processor`.
"""

from __future__ import annotations

from typing import Protocol, TypeVar, runtime_checkable

from data.values import Identity

Problem_contra = TypeVar("Problem_contra", contravariant=True)
Task_contra = TypeVar("Task_contra", contravariant=True)
Answer_co = TypeVar("Answer_co", covariant=True)


@runtime_checkable
class AnalogComputer(Protocol[Problem_contra, Task_contra, Answer_co]):
    """Loads problems and computes tasks; a setting that it cannot honour is an error, never ignored."""

    @property
    def identity(self) -> Identity:
        """Who computes."""
        ...

    def load(self, problem: Problem_contra) -> None:
        """Set the computer up for a problem, which replaces the one before.

        Raises:
            BadInput: the problem cannot be set up; nothing has been changed then.
            LabctlError: the computer refused or the link failed; what it holds now is not known.
        """
        ...

    def compute(self, task: Task_contra) -> Answer_co:
        """The answer to a task with the problem that was loaded last: all of it, or an error.

        Raises:
            BadInput: the task cannot be computed, or nothing has been loaded.
            LabctlError: the computer refused, the link failed, or part of the answer is missing.
        """
        ...

    def safe(self) -> None:
        """Go to the safe state; what was loaded is gone."""
        ...

    def close(self) -> None:
        """Safe state, then let go; may be called again."""
        ...
