"""The claims and the tests use the plugin as any project does."""

pytest_plugins = ["vitwork.plugin"]
