"""The public client library drives our manager unchanged, over 0MQ and through HTTP."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("clients_api")]


def test_the_blocking_api_works_as_a_whole_over_0mq(manager):
    manager.walk("api.py", "zmq")


def test_the_blocking_api_works_as_a_whole_through_the_http_server(manager, http_server):
    manager.walk("api.py", "http", **http_server)


def test_the_asyncio_api_works_as_a_whole_over_0mq(manager):
    manager.walk("api.py", "zmq", "asyncio")


def test_the_asyncio_api_works_as_a_whole_through_the_http_server(manager, http_server):
    manager.walk("api.py", "http", "asyncio", **http_server)


def test_the_http_server_gives_its_own_users_requests_streams_and_sockets(manager, http_server):
    manager.walk("http_server.py", **http_server)
