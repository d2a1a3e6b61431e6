"""Fixtures that several files of end-to-end tests want; each file has servers of its own."""
import pytest

from operator_server import Operator
from harness import sinks_authority
from real_gateway import Gateway
from simulator import Document, Simulator
from sinks import Sink


@pytest.fixture(scope="module")
def operator():
    server = Operator()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, operator):
    """It asks the operator's servers who subscribers are, and sends one-time codes over them."""
    gateway = Gateway(tmp_path_factory.mktemp("codes"), operator).serve()
    yield gateway
    gateway.stop()


@pytest.fixture(scope="module")
def sink():
    """An application's own sink of events, which every demo trusts."""
    running = Sink(authority=sinks_authority())
    yield running
    running.stop()


@pytest.fixture(scope="module")
def simulator():
    running = Simulator()
    yield running
    running.stop()


@pytest.fixture
def document(simulator):
    """Reads a document; in the end all that it has must have been called."""
    read = []

    def open_document(file):
        read.append(Document(simulator, file))
        return read[-1]
    yield open_document
    for one in read:
        assert not one.uncalled, one.uncalled
