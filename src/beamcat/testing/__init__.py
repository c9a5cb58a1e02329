"""Tests that a plugin has to pass. They are run by the plugin's own tests, with pytest."""

import pytest

pytest.register_assert_rewrite("beamcat.testing.storage")
