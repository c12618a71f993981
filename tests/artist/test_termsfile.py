"""TRF-1 to TRF-3: an artist's own terms, as a file that people read and change."""

import pytest

from fedstyle_secure.artist.termsfile import StandingTerms, write_terms
from fedstyle_secure.errors import InputError
from fedstyle_secure.privacy.mechanism import View


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "terms.toml"
    path.write_text(write_terms())
    return path


def test_what_join_writes_is_read_back_and_explains_every_line(path):
    terms = StandingTerms.read(path)
    assert terms.sign is False
    lines = path.read_text().splitlines()
    told = [index for index, line in enumerate(lines) if " = " in line and not line.startswith("#")]
    assert len(told) == len(StandingTerms.__slots__)
    assert all(lines[index - 1].startswith("# ") for index in told)
    changed = path.with_name("changed.toml")
    changed.write_text(write_terms({"sign": True, "epsilon": 2, "encoders": ("eye@0",)}))
    assert StandingTerms.read(changed).epsilon == 2.0
    assert StandingTerms.read(changed).encoders == ("eye@0",)


@pytest.mark.parametrize(
    ("line", "instead", "sentence"),
    [
        ("min_cohort = 5", "min_cohort = 1", "terms.toml line 37: min_cohort must lie between 2 and 100,000, got 1"),
        ("epsilon = 8.0", "epsilon = 99", "terms.toml line 6: epsilon must lie between 0.001 and 32, got 99"),
        ("epsilon = 8.0", "epsilon = nan", "line 6: epsilon must lie between"),
        ("epsilon = 8.0", "epsilon = '8'", "line 6: epsilon is '8', and must be a number: write 8.0"),
        ("max_jump = 1000", "max_jump = 1.5", "max_jump is 1.5, and must be a whole number: write 1000"),
        ("max_jump = 1000", "max_jump = true", "max_jump is True, and must be a whole number: write 1000"),
        ("sign = false", "sign = 0", "sign is 0, and must be true or false: write false"),
        ('unit = "artwork"', 'unit = "pixel"', 'must be one of "artwork", "artist": write "artwork"'),
        (
            'privacy = "distributed"',
            'privacy = "none"',
            'and must be one of "distributed", "local": write "dis',
        ),
        ('encoders = ["', 'encoders = [] #["', "encoders is (), and must be a list of names in quotes"),
        ("delta = 1e-05", "", "does not say delta: add a line, for example delta = 1e-05"),
        ("delta = 1e-05", "delta = 1e-05\ndeltas = 1", "line 10: 'deltas' is no term: take the line out"),
        ("epsilon = 8.0", "epsilon = ", "is not TOML"),
        ("unsummed_epsilon = 7.0", "unsummed_epsilon = 1", "unsummed_epsilon is 1, less than iteration_epsilon"),
        ("sampling_rate = 1.0", "sampling_rate = 0", "sampling_rate must lie between 0.001 and 1, got 0"),
    ],
)
def test_trf1_what_is_wrong_is_told_with_line_value_and_remedy(path, line, instead, sentence):
    text = path.read_text()
    assert line in text
    path.write_text(text.replace(f"\n{line}", f"\n{instead}", 1))
    with pytest.raises(InputError) as told:
        StandingTerms.read(path)
    assert sentence.replace("encoders is ()", "encoders is []") in str(told.value)
    assert "\n" not in str(told.value) or "not TOML" in sentence


def test_no_term_has_a_default(path):
    """TRF-1: take any line out, and the file is refused."""
    lines = path.read_text().splitlines()
    for name in StandingTerms.__slots__:
        path.write_text("\n".join(line for line in lines if not line.startswith(f"{name} = ")))
        with pytest.raises(InputError, match=f"does not say {name}: add a line"):
            StandingTerms.read(path)


def test_trf2_accomplices_grow_with_the_roster(path):
    terms = StandingTerms.read(path)
    assert [terms.corrupt(artists) for artists in (2, 8, 10, 11, 100)] == [1, 1, 1, 2, 10]
    training = terms.for_training(platform_key=bytes(32), architecture=b"a" * 32, roster=40)
    assert training.corrupt == 4
    assert training.architectures == {b"a" * 32}
    assert training.min_survivors == training.min_cohort == 5
    assert terms.view is View.AGGREGATE


def test_trf3_too_many_newcomers_need_the_artist(path):
    terms = StandingTerms.read(path)
    known = [bytes([number]) * 32 for number in range(8)]
    fresh = [bytes([number]) * 32 for number in range(100, 110)]
    assert terms.newcomers(known + fresh, []) == 0
    assert terms.newcomers(known[2:] + fresh[:4], known) == 0
    assert terms.newcomers(known + fresh[:5], known) == 5
