import pytest
from fleetglass_proto import endpoint


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("tcp://127.0.0.1:7400", "127.0.0.1", 7400),
        ("tcp://hub.example.org:1", "hub.example.org", 1),
        ("tcp://[::1]:65535", "[::1]", 65535),
        ("tcp://[fe80::1%eth0]:7400", "[fe80::1%eth0]", 7400),
        ("tcp://web_1:7400", "web_1", 7400),
    ],
)
def test_an_endpoint_is_a_host_and_a_port_and_prints_as_it_was_written(text, host, port):
    parsed = endpoint.parse(text)
    assert (parsed.host, parsed.port) == (host, port)
    assert str(parsed) == text


@pytest.mark.parametrize(
    "text",
    ["", "hub", "hub:7400", "http://hub:7400", "tcp://hub", "tcp://:7400", "tcp://hub:0", "tcp://hub:65536", "tcp://hub:7400/x",
     "tcp://hub:٧", "tcp://*:7400", "tcp://a b:1", "tcp://[::1]", "tcp://hub:-1", "tcp://" + "a" * 300 + ":1", "tcp://-x:1"],
)  # fmt: skip
def test_what_is_no_endpoint_is_refused_with_a_sentence(text):
    with pytest.raises(endpoint.EndpointError, match=r"endpoint|host name|port"):
        endpoint.parse(text)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("localhost", True),
        ("[::1]", True),
        ("10.0.0.1", False),
        ("127.0.0.1.example.org", False),
        ("hub", False),
        ("0.0.0.0", False),
    ],
)
def test_only_what_nobody_else_can_reach_is_loopback(host, local):
    assert endpoint.Endpoint(host, 7400).is_loopback is local
