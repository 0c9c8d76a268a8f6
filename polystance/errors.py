"""One exception tree for the whole package: catch `PolystanceError` to catch everything raised on purpose.

Every message says what was given, what is allowed and what to do next. This module imports nothing
of ours, so any layer may raise from it.
"""

from __future__ import annotations


class PolystanceError(Exception):
    """Base of every error that polystance raises on purpose. `exit_code` is what the CLI ends with."""

    exit_code = 1


class UsageError(PolystanceError, ValueError):
    """An argument or option is outside of what is allowed."""


class TargetError(UsageError):
    """A target is neither a country code that we know nor usable free text."""


class InputError(PolystanceError):
    """A source could not be read at all: missing, unreadable, or holding no article."""

    exit_code = 2


class HubError(InputError):
    """A data set on the Hugging Face hub could not be reached, or isn't there."""


class CheckpointError(PolystanceError):
    """A checkpoint is missing, incomplete, or not one that polystance can run."""


class RunFolderError(PolystanceError):
    """A run folder is missing a table, was made by another version, or doesn't fit the command."""


class OutputError(PolystanceError):
    """Results could not be written: a full disk, no permission, or a path that can't be a folder."""


class DataError(PolystanceError):
    """Labelled data for training or evaluation doesn't have the documented form."""


class PublishError(PolystanceError):
    """A checkpoint can't be published: it isn't fit for it, or the hub can't be reached or refuses."""


class EngineError(PolystanceError):
    """An engine can't label: its package is not installed, or its cluster doesn't answer or broke down."""


class FailuresError(PolystanceError):
    """The job finished, but some rows failed and `--strict` was given."""

    exit_code = 3
