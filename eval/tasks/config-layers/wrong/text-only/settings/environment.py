"""Settings from environment variables named APP_<SECTION>__<KEY>."""
from settings.errors import SettingsError

PREFIX = "APP_"
SEPARATOR = "__"
TRUTH = {"true": True, "false": False}


def layer_of(environ, base):
    """The layer that the variables make over `base`, with the types that `base` has."""
    layer = {}
    for name, text in environ.items():
        if not name.upper().startswith(PREFIX):
            continue
        section, _, key = name[len(PREFIX):].lower().partition(SEPARATOR)
        if section not in base or key not in base[section]:
            raise SettingsError(f"{name}: there is no such setting")
        layer.setdefault(section, {})[key] = text
    return layer


def convert(name, text, default):
    """`text` in the type of `default`; errors name the variable and never its value."""
    # bool is a kind of int in Python, so it comes first.
    if isinstance(default, bool):
        if text.strip().lower() not in TRUTH:
            raise SettingsError(f"{name}: has to be true or false")
        return TRUTH[text.strip().lower()]
    if isinstance(default, list):
        return [entry.strip() for entry in text.split(",")] if text.strip() else []
    if isinstance(default, str):
        return text
    kind = type(default)
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise SettingsError(f"{name}: has to be {what}") from None
