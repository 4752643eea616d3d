class SettingsError(Exception):
    """A setting cannot be used; the message says which and why."""
