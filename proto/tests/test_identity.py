"""Fingerprints: the same file as it grows, and not another one."""

from fleetglass_proto import limits
from fleetglass_proto.identity import fingerprint


def test_a_file_that_grew_still_matches_its_first_bytes():
    assert fingerprint(b"first line\n").matches(b"first line\nsecond line\n")


def test_a_file_that_became_shorter_does_not_match():
    assert not fingerprint(b"first line\n").matches(b"first")


def test_another_file_with_the_same_length_does_not_match():
    assert not fingerprint(b"first line\n").matches(b"other line\n")


def test_an_empty_fingerprint_matches_every_file():
    assert fingerprint(b"").matches(b"anything")


def test_only_the_first_bytes_up_to_the_limit_count():
    head = b"x" * limits.FINGERPRINT_BYTES
    assert fingerprint(head + b"a") == fingerprint(head + b"b")
