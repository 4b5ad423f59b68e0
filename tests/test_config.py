"""Settings: who wins, and what a mistake is answered with."""

from __future__ import annotations

from pathlib import Path

import pytest

from kappa_data import config, config_layers, remembered
from kappa_data.errors import UsageError


def test_flag_over_environment_over_file_over_default(tmp_path):
    file = tmp_path / "kappa.toml"
    file.write_text('[generate]\nmodel = "file"\nconcurrency = 7\n[pack]\nseq_len = 4096\n')
    environment = config_layers.from_environment({"KAPPA_MODEL": "environment"})
    assert config_layers.load(None).generate.model == "embedded"
    assert config_layers.load(file).generate.model == "file"
    assert config_layers.load(file, environment).generate.model == "environment"
    layered = config_layers.load(file, environment, {"generate": {"model": "flag"}})
    assert layered.generate.model == "flag"
    assert (layered.generate.concurrency, layered.pack.seq_len) == (7, 4096)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[validate]\nseverities = { refusal = 'loud' }",
            "Invalid enum value 'loud'; known: reject, untrain, note, off",
        ),
        (
            "[dedupe]\ntreshold = 1",
            'kappa.toml: [dedupe] has no "treshold"; did you mean "threshold"?',
        ),
        ("[dedup]\n", 'there is no table "dedup"; did you mean "dedupe"?'),
        ("seed = 1", "seed stands outside a table"),
        ("[pack]\nseq_len = 0", "pack.seq_len: Expected `int` >= 1"),
        ("[pack]\nseq_len = 1048577", "pack.seq_len: Expected `int` <= 1048576"),
        ('[pack]\nseq_len = "x"', "pack.seq_len: Expected `int`, got `str`"),
        ("[pack\n", "kappa.toml: Expected ']'"),
        ("[plan]\nvalidation = 0.6\ntest = 0.5", "must leave something to train on"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(tmp_path, text, message):
    file = tmp_path / "kappa.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        config_layers.load(file)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_set_reads_values_as_toml_would():
    assert config_layers.parse_set("pack.seed=7") == ("pack", "seed", 7)
    assert config_layers.parse_set("plan.personas=a, b") == ("plan", "personas", ("a", "b"))
    assert config_layers.parse_set("generate.model=1.5") == ("generate", "model", "1.5")
    for wrong in ("pack.seed", "seed=1", "pack.sede=1", "pack.seed=x"):
        with pytest.raises(UsageError):
            config_layers.parse_set(wrong)


def test_every_setting_has_words_for_its_help():
    for stage in config.Settings.__struct_fields__:
        for field, (_, text, _) in config_layers.describe(stage).items():
            assert text, f"{stage}.{field} has no description"


def test_how_it_runs_is_not_identity():
    fields = config.identity(config.GenerateConfig())
    assert "model" in fields and "temperature" in fields
    assert not {"base_url", "api_key_env", "concurrency", "timeout", "retries", "boxes"} & set(
        fields
    )


def test_what_was_said_is_kept_for_later_stages(tmp_path):
    remembered.save(tmp_path, {"generate": {"model": "m"}, "plan": {"personas": ("a",)}})
    kept = remembered.without(remembered.load(tmp_path), {"generate"})
    assert kept == {"plan": {"personas": ["a"]}}
    assert config_layers.load(None, kept).plan.personas == ("a",)
    assert remembered.load(tmp_path / "nowhere") == {}


def test_the_shipped_recipe_shows_every_default():
    recipe = Path(__file__).parents[1] / "kappa.toml"
    assert config_layers.load(recipe) == config.Settings()
    text = recipe.read_text()
    for stage in config.Settings.__struct_fields__:
        for field, (_, words, _) in config_layers.describe(stage).items():
            assert f"{field} = " in text and words in text, f"{stage}.{field}"


@pytest.mark.parametrize(
    "generate",
    [
        {"base_url": "http://bob:hunter2@host/v1"},
        {"base_url": "http://host/v1?key=hunter2"},
        {"base_url": "ftp://host"},
        {"api_key_env": "sk-hunter2"},
    ],
)
def test_no_secret_fits_into_a_setting(generate):
    with pytest.raises(UsageError) as caught:
        config_layers.load(None, {"generate": generate})
    assert "hunter2" not in str(caught.value)


def test_what_was_kept_is_not_guessed_where_it_is_damaged(tmp_path):
    for text in ("{", '{"pack": {"sequence": 1}}', '{"pack": 1}'):
        (tmp_path / remembered.FILE).write_text(text)
        with pytest.raises(UsageError, match=r"settings\.json"):
            remembered.load(tmp_path)


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ('validate.severities."personal data"=reject', {"personal data": "reject"}),
        ("validate.severities.'personal data'=\"reject\"", {"personal data": "reject"}),
        ("validate.severities.personal data=reject", {"personal data": "reject"}),  # by a shell
        ("validate.severities.secret=reject", {"secret": "reject"}),
    ],
)
def test_set_puts_one_key_into_a_table(tmp_path, assignment, expected):
    file = tmp_path / "kappa.toml"
    file.write_text("[validate]\nseverities = { flattery = 'note' }\n")
    stage, field, value = config_layers.parse_set(assignment)
    loaded = config_layers.load(file, {stage: {field: value}})
    assert loaded.validate.severities == {"flattery": "note"} | expected


def test_keys_of_tables_merge_over_layers_and_a_whole_table_ends_them():
    def layer(*assignments):
        said = {}
        for stage, field, value in map(config_layers.parse_set, assignments):
            config_layers.put(said.setdefault(stage, {}), field, value)
        return said

    first = layer("validate.severities.secret=reject", "generate.roles.user.model=1.5")
    more = layer('validate.severities."personal data"=reject', "generate.roles.user.top_p=0.5")
    kept = remembered.merge(first, more)
    loaded = config_layers.load(None, kept)
    assert loaded.validate.severities == {"secret": "reject", "personal data": "reject"}
    user = loaded.generate.roles["user"]
    assert (user.model, user.top_p) == ("1.5", 0.5)
    # Every one can be said again as it is written, and survives the disk.
    assert layer(*remembered.describe(kept).split(", ")) == kept
    whole = layer('validate.severities={flattery="note"}')
    assert config_layers.load(None, remembered.merge(kept, whole)).validate.severities == {
        "flattery": "note"
    }
    assert config_layers.load(None, kept, whole).validate.severities == {"flattery": "note"}


def test_a_key_stands_beside_the_defaults_of_its_table():
    stage, field, value = config_layers.parse_set("tokenize.efforts.high=0.5")
    loaded = config_layers.load(None, {stage: {field: value}})
    assert loaded.tokenize.efforts == {"low": 0.2, "medium": 0.6, "high": 0.5}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("pack.seed.x=1", 'pack.seed is no table and has no "x"; write pack.seed=value'),
        ("validate.severity.secret=reject", 'did you mean "severities"?'),
        ("generate.roles.user.modle=x", 'did you mean "model"?'),
        ("tokenize.efforts.high=much", "tokenize.efforts.high=much: not a value"),
        ('validate.severities."secret=reject', "write it as stage.field=value"),
        ("validate.severities.secret", "write it as stage.field=value"),
        ("validate..secret=reject", "[validate] has no"),
    ],
)
def test_a_wrong_key_of_a_table_is_one_line(assignment, message):
    with pytest.raises(UsageError) as caught:
        config_layers.parse_set(assignment)
    assert message in str(caught.value)


def test_a_wrong_value_in_a_table_is_one_line():
    stage, field, value = config_layers.parse_set("validate.severities.secret=loud")
    with pytest.raises(UsageError, match="Invalid enum value 'loud'; known: reject"):
        config_layers.load(None, {stage: {field: value}})
