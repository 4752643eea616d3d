import json
import os
import tempfile
import unittest

from settings.errors import SettingsError
from settings.load import load_settings


class LoadTest(unittest.TestCase):
    def file(self, value):
        handle, path = tempfile.mkstemp(suffix=".json")
        with os.fdopen(handle, "w") as file:
            json.dump(value, file)
        self.addCleanup(os.unlink, path)
        return path

    def test_the_file_beats_the_defaults(self):
        settings = load_settings(self.file({"server": {"port": 1}}))
        self.assertEqual(settings["server"]["port"], 1)
        self.assertEqual(settings["database"]["pool_size"], 5)

    def test_an_unknown_key_is_a_mistake(self):
        with self.assertRaisesRegex(SettingsError, "server.prot"):
            load_settings(self.file({"server": {"prot": 1}}))
