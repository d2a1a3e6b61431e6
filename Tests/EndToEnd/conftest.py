"""Fixtures that several files of end-to-end tests want; each file has servers of its own."""
import pytest

from operator_server import Operator
from real_gateway import Gateway


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
