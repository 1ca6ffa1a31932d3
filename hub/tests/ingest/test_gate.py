"""Which handshakes may be finished."""

from fleetglass_hub.ingest import gate
from fleetglass_hub.ingest.gate import Gate

KEY = b"k" * 32


def test_known_keys_always_pass():
    door = Gate(lambda _key, _address: True)
    assert all(door.admits(KEY, "10.0.0.1", 0) for _ in range(10_000))


def test_a_stranger_passes_so_that_he_can_show_his_token():
    assert Gate(lambda _key, _address: False).admits(KEY, "10.0.0.1", 0)


def test_one_address_cannot_flood():
    door = Gate(lambda _key, _address: False)
    passed = sum(door.admits(KEY, "10.0.0.1", 0) for _ in range(1_000))
    assert passed == gate.STRANGERS_PER_ADDRESS_PER_MIN
    assert door.admits(KEY, "10.0.0.2", 0)
    assert door.admits(KEY, "10.0.0.1", 1_000)
    assert door.refused == 1_000 - passed


def test_many_addresses_cannot_flood_and_take_no_memory():
    door = Gate(lambda _key, _address: False)
    passed = sum(door.admits(KEY, f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 0) for n in range(20_000))
    assert passed == gate.STRANGERS_PER_MIN
    assert len(door._addresses) <= 4_096
