"""Export of runs to the formats of other programs, through one registry that plug-ins can add to."""

from data.export.preview import Piece, preview
from data.export.registry import BrokenPlugin, Format, broken_plugins, export, formats

__all__ = ["BrokenPlugin", "Format", "Piece", "broken_plugins", "export", "formats", "preview"]
