"""Loads the settings of the application."""
import json

from settings.defaults import DEFAULTS
from settings.merge import merge


def load_settings(path=None):
    """The defaults, with the values of the JSON file at `path` over them."""
    settings = merge(DEFAULTS, {}, "defaults")
    if path is not None:
        with open(path, encoding="utf-8") as file:
            settings = merge(settings, json.load(file), str(path))
    return settings
