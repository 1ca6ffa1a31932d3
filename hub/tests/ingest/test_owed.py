"""What is acknowledged, and when."""

import numpy as np
from fleetglass_hub.history.recorder import Rows
from fleetglass_hub.ingest import owed
from fleetglass_hub.ingest.owed import Owed


def rows(hosts, raw_ms, schema=0):
    count = len(hosts)
    return Rows(
        schema,
        np.array(hosts, np.uint32),
        np.array(raw_ms, np.int64),
        np.zeros(count),
        np.zeros((count, 1), np.float32),
    )


def test_samples_are_acknowledged_up_to_the_mark_and_never_backwards():
    debts = Owed()
    debts.owe_samples([1], [rows([3, 40], [100, 200])])
    debts.owe_samples([2], [rows([3], [50])])
    debts.committed(1)
    assert (debts.samples_ms(3), debts.samples_ms(40), debts.samples_ms(7), debts.samples_ms(999)) == (100, 200, 0, 0)
    assert debts.uncommitted(3) == {50}
    debts.committed(2)
    assert (debts.samples_ms(3), debts.uncommitted(3)) == (100, set())


def test_a_frame_of_two_schemas_is_acknowledged_as_a_whole():
    debts = Owed()
    debts.owe_samples([1, 2], [rows([3], [900], schema=1), rows([3], [100], schema=0)])
    debts.committed(1)
    assert debts.samples_ms(3) == 0
    debts.committed(2)
    assert debts.samples_ms(3) == 900


def test_a_disk_that_stays_full_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(owed, "SAMPLES_MAX", 100)
    debts = Owed()
    for mark in range(1, 1_000):
        debts.owe_samples([mark], [rows([1] * 10, range(mark * 10, mark * 10 + 10))])
    assert len(debts.uncommitted(1)) == 100
    debts.committed(999)
    assert debts.samples_ms(1) == 9_999
