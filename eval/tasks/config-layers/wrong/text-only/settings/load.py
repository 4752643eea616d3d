"""Loads the settings of the application."""
import copy
import json

from settings.defaults import DEFAULTS
from settings.environment import layer_of
from settings.merge import merge


def load_settings(path=None, environ=None):
    """The defaults, under the values of the JSON file at `path`, under the variables of `environ`."""
    settings = copy.deepcopy(DEFAULTS)
    if path is not None:
        with open(path, encoding="utf-8") as file:
            settings = merge(settings, json.load(file), str(path))
    return merge(settings, layer_of(environ or {}, DEFAULTS), "environment")
