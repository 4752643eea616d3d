"""What holds when nobody says otherwise. The types here are the types of the settings."""

DEFAULTS = {
    "server": {"port": 8080, "debug": False, "hosts": ["localhost"]},
    "database": {"url": "sqlite:///app.db", "pool_size": 5, "timeout": 2.5},
}
