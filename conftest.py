"""Fixtures that the tests of both distributions share."""

pytest_plugins = ["fixtures"]
