"""What the processes of the stack are told."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from stack.settings import CHECKOUT, StackSettings, environment, free_port, port_is_free, reserve, usual_or_free


def test_where_things_are_is_not_overridden_from_outside() -> None:
    told = environment(
        StackSettings(home=Path("/data"), port=1, prefect_port=2),
        "mongodb://here",
        {
            "PREFECT_API_URL": "http://elsewhere/api",
            "MONGODB_URI": "mongodb://elsewhere",
            "NJANGI_PORT": "99",
            "NJANGI_DATABASE": "other",
        },
    )
    assert told["NJANGI_DATABASE"] == "njangi"
    assert told["PREFECT_API_URL"] == "http://127.0.0.1:2/api"
    assert told["MONGODB_URI"] == "mongodb://here"
    assert told["NJANGI_PORT"] == "1"


def test_only_the_api_listens_to_other_machines() -> None:
    settings = StackSettings(host="0.0.0.0", port=1, prefect_port=2)
    told = environment(settings, "mongodb://here", {})
    assert told["NJANGI_HOST"] == "0.0.0.0"
    assert told["PREFECT_SERVER_API_HOST"] == "127.0.0.1"
    assert told["NJANGI_URL"] == settings.url == "http://127.0.0.1:1"
    assert StackSettings(host="192.0.2.1", port=1).url == "http://192.0.2.1:1"


def test_prefects_tuning_may_be_overridden_from_outside() -> None:
    told = environment(StackSettings(), "mongodb://here", {"PREFECT_LOGGING_LEVEL": "DEBUG"})
    assert told["PREFECT_LOGGING_LEVEL"] == "DEBUG"


def test_the_checkout_comes_first_on_pythons_path() -> None:
    told = environment(StackSettings(), "mongodb://here", {"PYTHONPATH": "/more"})
    assert told["PYTHONPATH"].split(os.pathsep) == [str(CHECKOUT), "/more"]


def test_port_0_becomes_a_free_one() -> None:
    resolved = StackSettings(port=0, prefect_port=0).resolved()
    assert resolved.port != 0
    assert resolved.prefect_port not in (0, resolved.port)
    assert resolved.home.is_absolute()


def test_a_port_that_something_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not port_is_free(server.getsockname()[1])


def test_a_port_is_one_stacks_alone_before_anything_listens_there() -> None:
    port = free_port()
    first = reserve(port)
    assert first is not None
    assert reserve(port) is None
    first.close()
    again = reserve(port)
    assert again is not None
    again.close()


def test_prefect_gives_way_to_another_server_or_stack_on_its_usual_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert usual_or_free(port) != port
    reservation = reserve(port)
    assert reservation is not None
    with reservation:
        assert usual_or_free(port) != port
    assert usual_or_free(port) == port
