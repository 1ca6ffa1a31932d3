"""Interfaces and TCP: which are shown, and what a second of them is."""

from math import isnan

import pytest
from fleetglass_agent.metrics.network import NetworkSource, TcpSource
from fleetglass_agent.metrics.source import Off
from harness.kernelfiles import NET_DEV, SNMP, Text


def named(source, now_ms):
    values = source.read(now_ms)
    return dict(zip(source.series, values, strict=True))


def interfaces(source):
    return {name.partition("[")[2][:-1] for name in source.series}


def test_bytes_packets_errors_and_drops_a_second_each_way():
    text = Text(NET_DEV.encode())
    source = NetworkSource(text)
    assert all(isnan(value) for value in named(source, 0).values())
    text.data = text.data.replace(
        b"eth0: 1683347398   44454    3    4    0     0          0         0  2332133   24174    1    2",
        b"eth0:1683349398   44464    4    8    0     0          0         0  2332333   24175    3    2",
    )
    assert named(source, 2_000) == {
        "net.rx_bytes_per_s[eth0]": 1_000.0,
        "net.rx_packets_per_s[eth0]": 5.0,
        "net.rx_errors_per_s[eth0]": 0.5,
        "net.rx_drops_per_s[eth0]": 2.0,
        "net.tx_bytes_per_s[eth0]": 100.0,
        "net.tx_packets_per_s[eth0]": 0.5,
        "net.tx_errors_per_s[eth0]": 1.0,
        "net.tx_drops_per_s[eth0]": 0.0,
    }


def test_loopback_cable_ends_and_unused_interfaces_are_left_out_unless_all_are_wanted():
    source = NetworkSource(Text(NET_DEV.encode()))
    source.read(0)
    assert interfaces(source) == {"eth0"}
    full = NetworkSource(Text(NET_DEV.encode()), full=True)
    full.read(0)
    assert interfaces(full) == {"lo", "eth0", "vethab1"}


def test_an_interface_comes_with_its_first_packet_and_a_reset_is_unknown():
    text = Text(NET_DEV.encode())
    source = NetworkSource(text)
    source.read(0)
    text.data = text.data.replace(b"eth1:       0", b"eth1:      60").replace(b"1683347398", b"5")
    values = named(source, 1_000)
    assert isnan(values["net.rx_bytes_per_s[eth1]"])
    assert isnan(values["net.rx_bytes_per_s[eth0]"])
    assert values["net.tx_bytes_per_s[eth0]"] == 0.0


def test_a_hostile_interface_name_is_one_odd_name():
    text = Text(NET_DEV.encode().replace(b"  eth0:", b"e[\x1b]:\xff:"))
    source = NetworkSource(text)
    source.read(0)
    assert interfaces(source) == {"e___:\ufffd"}


def test_tcp_connections_and_retransmissions():
    text = Text(SNMP.encode())
    source = TcpSource(text)
    assert source.read(0)[0] == 17
    text.data = SNMP.replace("24009 50 0", "24099 56 0").encode()
    assert source.read(2_000) == (17, 3.0)


@pytest.mark.parametrize("text", ["", "Tcp: RtoAlgorithm CurrEstab\n", "Tcp: RtoAlgorithm CurrEstab\nTcp: 1\n"])
def test_rubbish_switches_tcp_off(text):
    with pytest.raises(Off):
        TcpSource(Text(text.encode())).read(0)
