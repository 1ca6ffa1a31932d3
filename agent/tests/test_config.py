import tomllib

import pytest
from fleetglass_agent import config
from fleetglass_agent.settings import SETTINGS
from fleetglass_agent.values import ConfigError
from fleetglass_proto import join
from hypothesis import given
from hypothesis import strategies as st

KEY = bytes(range(32))
JOIN = join.encode(join.Join("tcp://hub.example.org:7400", KEY, "tok-3"))


def build(*argv: str, environ: dict[str, str] | None = None, toml: str = "") -> config.Config:
    return config.build(config.arguments(argv), environ or {}, tomllib.loads(toml), "agent.toml", toml)


def refusal(*argv: str, environ: dict[str, str] | None = None, toml: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        build(*argv, environ=environ, toml=toml)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_without_any_setting_the_defaults_hold():
    settings = build()
    assert (settings.endpoint, settings.interval_ms, settings.fastest_ms) == (None, 1_000, 100)
    assert settings.buffer_ms == 3_600_000
    assert settings.tail.globs == ()
    assert not settings.tail.from_start
    assert settings.metrics.interval_ms == 1_000


def test_flags_go_over_variables_and_these_over_the_file():
    toml = 'interval = 3\nname = "file"\nbuffer = 60'
    environ = {"FLEETGLASS_INTERVAL": "2", "FLEETGLASS_NAME": "variable"}
    settings = build("--interval", "5", environ=environ, toml=toml)
    assert (settings.interval_ms, settings.name, settings.buffer_ms) == (5_000, "variable", 60_000)
    assert settings.places["interval"] == "--interval"
    assert settings.places["name"] == "FLEETGLASS_NAME"
    assert settings.places["buffer"] == "agent.toml, line 3"


def test_lists_are_replaced_and_labels_joined_key_by_key():
    toml = 'tail = ["/a", "/b"]\n[labels]\nrole = "db"\ndc = "fra1"'
    settings = build("--tail", "/c", "--tail=/d", "--label", "role=web", toml=toml)
    assert settings.tail.globs == ("/c", "/d")
    assert settings.labels == {"role": "web", "dc": "fra1"}


def test_a_variable_may_be_called_after_the_flag_or_after_the_setting():
    assert build(environ={"FLEETGLASS_LABEL": "role=db"}) == build(environ={"FLEETGLASS_LABELS": "role=db"})._replace(
        places=build(environ={"FLEETGLASS_LABEL": "role=db"}).places
    )
    assert build(environ={"FLEETGLASS_COMMAND": "a=b"}).tail.commands == {"a": "b"}
    assert build(environ={"FLEETGLASS_MAX_LINE": "1M"}).tail.max_line_bytes == 1 << 20


def test_a_name_alone_is_excluded_wherever_it_is():
    assert build("--exclude", "*.gz", "--exclude", "/var/log/x/*").tail.excludes == ("/**/*.gz", "/var/log/x/*")


def test_variables_hold_lists_between_commas_or_one_a_line():
    environ = {
        "FLEETGLASS_TAIL": "/a, /b",
        "FLEETGLASS_LABELS": "role=db,dc=fra1",
        "FLEETGLASS_COMMANDS": "app=journalctl -f -o short-iso, really\nb=tail -F x",
    }
    settings = build(environ=environ)
    assert settings.tail.globs == ("/a", "/b")
    assert settings.labels == {"role": "db", "dc": "fra1"}
    assert settings.tail.commands == {"app": "journalctl -f -o short-iso, really", "b": "tail -F x"}


@pytest.mark.parametrize(
    ("text", "ms"), [("1", 1_000), ("0.5", 500), ("500ms", 500), ("5m", 300_000), ("1h", 3_600_000)]
)
def test_a_span_of_time_may_have_a_unit(text, ms):
    assert build("--interval", text).interval_ms == ms


@pytest.mark.parametrize("text", ["0", "0.01", "-1", "nan", "inf", "1e3", "soon", "2h", ""])
def test_a_span_that_makes_no_sense_says_what_is_allowed(text):
    assert refusal("--interval", text).startswith("--interval: ")


def test_a_value_out_of_bounds_names_place_value_and_bounds():
    assert refusal("--interval", "0.01") == "--interval: '0.01' is too short; 0.1 to 3600 seconds are allowed"
    assert (
        refusal(toml="# hello\n\ninterval = 0.01")
        == "agent.toml, line 3: interval: '0.01' is too short; 0.1 to 3600 seconds are allowed"
    )
    assert refusal(environ={"FLEETGLASS_INTERVAL": "9999"}).startswith("FLEETGLASS_INTERVAL: '9999' is too long")


@pytest.mark.parametrize("text", ["nan", "inf", "true", '"1x"', "[1]", "{}"])
def test_numbers_of_toml_are_checked_as_well(text):
    assert "interval" in refusal(toml=f"interval = {text}")


@pytest.mark.parametrize(
    "argv",
    [
        ["--what"], ["--hub"], ["--tails", "/x"], ["word"], ["--stdout=1"], ["--hub", "here"], ["--hub", "http://x:1"],
        ["--label", "db"], ["--label", "=x"], ["--label", "role="], ["--label", "a=1", "--label", "a=2"],
        ["--label", "a b=1"], ["--label", "a=\udcff"], ["--name", "\udcff"],
        ["--label", "role=a\x1b[2J"], ["--command", "app"], ["--command", "app= "],
        ["--command", "a=x", "--command", "a=y"], ["--tail", ""], ["--tail", "/var/log/"], ["--tail", "a\0b"],
        ["--tail", "x" * 5_000], ["--tail", "/x/[z-a]"], ["--exclude", "a**b"],
        ["--from", "middle"], ["--name", ""], ["--name", "a\nb"], ["--name", "x" * 256],
        ["--interval", "1", "--interval", "2"], ["--max-streams", "0"], ["--max-streams", "many"], ["--off", "a b"],
        ["--spool", "1K"], ["--spool", "big"], ["--join", "fg1.xx"], ["--hub", JOIN, "--join", JOIN], ["--state", ""],
    ],
    ids=repr,
)  # fmt: skip
def test_what_makes_no_sense_is_one_sentence(argv):
    assert refusal(*argv)


def test_an_unknown_flag_is_named_and_a_near_one_offered():
    assert refusal("--labels", "a=b") == "there is no flag '--labels'; is --label meant?"


def test_an_unknown_key_of_the_file_is_named_with_its_line():
    text = refusal(toml="interval = 1\ninterwal = 2")
    assert text.startswith("agent.toml, line 2: there is no setting 'interwal'")
    assert "interval" in text


def test_other_peoples_variables_do_not_matter():
    assert build(environ={"FLEETGLASS_HTTP": "x", "FLEETGLASS_RUNTIME_DIR": "/x", "HOME": "/"}) == build()


def test_a_join_string_gives_endpoint_key_and_token_from_either_flag():
    for argv in (["--join", JOIN], ["--hub", JOIN]):
        settings = build(*argv)
        assert (settings.endpoint, settings.server_key, settings.token) == ("tcp://hub.example.org:7400", KEY, "tok-3")
    moved = build("--join", JOIN, "--hub", "tcp://nat.example.org:9")
    assert (moved.endpoint, moved.server_key) == ("tcp://nat.example.org:9", KEY)


def test_what_check_prints_reads_back_as_the_same_settings_and_holds_no_token():
    settings = build(
        "--join", JOIN, "--label", 'role=d"b', "--tail", "/var/log/*.log", "--command", "app=echo 'a\\b'", "--per-core",
        "--interval", "0.25",
    )  # fmt: skip
    shown = settings.shown()
    assert "tok-3" not in shown
    assert JOIN not in shown
    again = {key: value for key, value in tomllib.loads(shown).items() if value not in ("", "(set)")}
    assert config.build(config.arguments([]), {}, again, "x", shown).tail == settings.tail
    assert config.build(config.arguments([]), {}, again, "x", shown).labels == {"role": 'd"b'}


def test_every_setting_has_a_flag_of_its_own_or_lives_in_the_file_only():
    flags = [setting.flag for setting in SETTINGS if setting.flag]
    assert len(flags) == len(set(flags))
    assert [setting.name for setting in SETTINGS if not setting.flag] == ["plugins"]


def test_the_settings_of_plug_ins_are_handed_on_untouched():
    assert build(toml="[plugins.gpu]\nevery = [1, 2]").metrics.plugins == {"gpu": {"every": [1, 2]}}


@given(
    st.lists(st.sampled_from(["--hub", "--tail", "--label", "--interval", "--from", "--check"]) | st.text(max_size=8))
)
def test_no_command_line_raises_anything_else(argv):
    try:
        build(*argv)
    except ConfigError:
        pass


@given(
    st.dictionaries(
        st.sampled_from([setting.name for setting in SETTINGS]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=5,
        ),
        max_size=3,
    )
)
def test_no_file_raises_anything_else(values):
    try:
        config.build(config.arguments([]), {}, values, "agent.toml", "")
    except ConfigError:
        pass
