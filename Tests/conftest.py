"""Fixtures of the end-to-end and attack tests: a running demo, and a client that acts as an application would."""
import sys, os

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "EndToEnd"))

import pytest

from harness import Demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A demo of its own for each file of tests: what one file does to limits and consents does not reach another."""
    running = Demo(tmp_path_factory.mktemp("demo"))
    running.start()
    yield running
    running.stop()
