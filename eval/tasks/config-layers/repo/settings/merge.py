"""Puts one layer of settings over another."""
from settings.errors import SettingsError


def merge(base, layer, source):
    """Returns new settings: `base` with the values of `layer`. `source` names the layer in errors."""
    merged = {section: dict(values) for section, values in base.items()}
    for section, values in layer.items():
        if section not in merged:
            raise SettingsError(f"{source}: there is no section {section}")
        for key, value in values.items():
            if key not in merged[section]:
                raise SettingsError(f"{source}: there is no setting {section}.{key}")
            merged[section][key] = value
    return merged
