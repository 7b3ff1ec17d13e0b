"""Labelled image sets: small ones that come with a library, and the usual ones from files of their own formats."""

from __future__ import annotations

from data.images.augment import crop, flip
from data.images.digits import digits
from data.images.sources import FILES, default_folder, find_images, load_images

__all__ = ["FILES", "crop", "default_folder", "digits", "find_images", "flip", "load_images"]
