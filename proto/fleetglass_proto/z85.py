"""Z85, the text form of CURVE keys (ZeroMQ RFC 32): 32 bytes are 40 printable characters."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
KEY_BYTES = 32
KEY_CHARACTERS = 40


def encode_key(key: bytes) -> str:
    """The 40 characters of a 32-byte key."""
    assert len(key) == KEY_BYTES
    characters = []
    for at in range(0, KEY_BYTES, 4):
        word = int.from_bytes(key[at : at + 4], "big")
        characters += [_DIGITS[word // 85**power % 85] for power in (4, 3, 2, 1, 0)]
    return "".join(characters)


def decode_key(text: str) -> bytes:
    """The 32 bytes of a key.

    Raises:
        ValueError: says what a key looks like; never quotes the text, which may be a secret key.
    """
    if len(text) != KEY_CHARACTERS or not all(character in _VALUES for character in text):
        raise ValueError(f"a key is {KEY_CHARACTERS} characters of Z85")
    key = bytearray()
    for at in range(0, KEY_CHARACTERS, 5):
        word = 0
        for character in text[at : at + 5]:
            word = word * 85 + _VALUES[character]
        if word >> 32:
            raise ValueError(f"a key is {KEY_CHARACTERS} characters of Z85")
        key += word.to_bytes(4, "big")
    return bytes(key)
