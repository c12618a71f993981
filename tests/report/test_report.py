"""The page: whole, self-contained (REP-1), free of artworks unless asked (REP-2), and safe for any name (HTM-1)."""

import copy
import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.catalogue.signature import Signature, SignatureSpace
from fedstyle_secure.errors import InputError
from fedstyle_secure.report import make_page
from fedstyle_secure.report.charts import spread, text_width
from fedstyle_secure.report.facts import read_facts
from fedstyle_secure.web.html import join, tag
from fedstyle_secure.web.ornaments import Ornaments
from fedstyle_secure.web.style_map import StyleMap

NAMES = [
    "<script>alert(1)</script>",
    "alfred-sisley",
    "claude-monet",
    'ivan "x" onload=y',
    "mary-cassatt",
    "O'Keeffe & co",
]
VOID = {"meta", "img", "br", "wbr"}


def scores(accuracy):
    return {"accuracy_at_1": accuracy, "recall_at_5": 0.9, "mrr": 0.7, "macro_f1": 0.55, "chance": 1 / 6}


def epsilons(aggregate, local):
    return {"local": local, "aggregate": aggregate, "worst_case": local}


def summary():
    return {
        "format": "fedstyle-run-1",
        "artists": 6,
        "left": 0,
        "joined": 0,
        "public_artists": ["Ed [b]", "Flo", "Gus"],
        "artworks": 120,
        "queries": 40,
        "retrieval": scores(0.625),
        "no_training": scores(0.6),
        "random_head": scores(0.35),
        "buyer": {
            "references": {"1": scores(0.575), "3": scores(0.8), "5": None},
            "no_training": {"1": scores(0.55), "3": scores(0.75), "5": None},
            "epsilon": 7.98,
        },
        "privacy": {
            "mode": "distributed",
            "unit": "artwork",
            "delta": 1e-5,
            "epsilon": epsilons(7.98, 68.1),
            "before": epsilons(0.0, 0.0),
            "at_end": epsilons(7.98, 68.1),
            "limit": 8.0,
            "limits": [8.0],
            "fresh": False,
            "limited_view": "aggregate",
            "corrupt": 1,
            "min_survivors": 5,
        },
        "communication": {"bytes_up_per_artist": 1723411, "bytes_down_per_artist": 812},
        "aggregation": {
            "sessions": 3,
            "completed": 2,
            "aborted": 1,
            "survivors_min": 5,
            "survivors_max": 6,
            "modulus_bits": 24,
            "vector_length": 65536,
        },
        "seconds": {"features": 141.2, "training": 33.1, "aggregation": 58.4, "search": 0.031},
        "history": [
            {"iteration": 1, "outcome": "completed", "survivors": 6, "epsilon": epsilons(4.2, 40.0)},
            {"iteration": 2, "outcome": "aborted: too few", "survivors": 0, "epsilon": epsilons(5.1, 50.0)},
            {"iteration": 3, "outcome": "completed", "survivors": 5, "epsilon": epsilons(5.9, 60.0)},
        ],
        "examples": [
            {"artist": NAMES[0], "ranking": NAMES[:5], "position": 1},
            {"artist": NAMES[5], "ranking": NAMES[:5], "position": 6},
        ],
        "settings": {"artworks": "art", "out": "build/<run>", "public": 3, "public_art": None, "sign": True, "seed": 0},
        "command": "fedstyle train --artworks art --out 'build/<run>' --seed 0",
        "versions": {"fedstyle-secure": "0.1.0"},
        "warnings": ["<b>two</b> artworks are the same"],
        "left_out": [{"file": "ada/<i>scan</i>.tif", "reason": "it is .tif"}],
    }


def without_privacy():
    bent = summary()
    bent["privacy"] |= {"mode": "none", "epsilon": epsilons(None, None), "limit": None}
    for step in bent["history"]:
        step["epsilon"] = epsilons(None, None)
    return bent


def write_run(folder: Path, content, *, artists=NAMES) -> Path:
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps(content))
    if artists:
        rows = np.random.default_rng(0).normal(size=(len(artists), 16))
        rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        signatures = [Signature(name, row) for name, row in zip(artists, rows, strict=True)]
        StyleIndex(SignatureSpace(np.eye(20, 16, dtype=np.float32)), signatures).save(folder / "catalogue")
    return folder


def write_report(run: Path, *, artworks: Path | None = None) -> Path:
    """The page of what lies in a folder, written beside it."""
    facts = read_facts(json.loads((run / "summary.json").read_bytes()), "summary.json")
    index = StyleIndex.load(run / "catalogue") if (run / "catalogue").exists() else None
    (run / "report.html").write_text(make_page(facts, index, artworks=artworks), encoding="utf-8")
    return run / "report.html"


class Page(HTMLParser):
    """What a browser would make of the page; fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.open, self.tags, self.shown = text, [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.shown.append(data)

    @property
    def words(self):
        return re.sub(r"\s+", " ", " ".join(self.shown))

    def values(self, attribute):
        return [attrs[attribute] for _, attrs in self.tags if attribute in attrs]


def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run", summary())


@pytest.fixture
def page(run):
    return read(write_report(run))


@pytest.fixture
def artworks(tmp_path):
    for number, name in enumerate(["alfred-sisley", "claude-monet", "stranger"]):
        folder = tmp_path / "art" / name
        folder.mkdir(parents=True)
        for copy_number in range(2):
            color = (40 * number, 90 * copy_number, 120)
            Image.new("RGB", (60, 40), color).save(folder / f"{copy_number}.png")
    return tmp_path / "art"


def test_every_chapter_is_there(page):
    headings = [
        "How well artists are found",
        "Example searches",
        "What an artist has spent",
        "A map of the style space",
        "What it cost",
        "How to reproduce it",
        "What remains at risk",
    ]
    positions = [page.text.index(f"<h2>{heading}</h2>") for heading in headings]
    assert positions == sorted(positions)


def test_the_numbers_of_the_summary_are_shown(page):
    for shown in (
        "57.5%",
        "62.5%",
        "60.0%",
        "35.0%",
        "16.7%",
        "7.98",
        "68.1",
        "1.72 MB",
        "812 bytes",
        "31 ms",
        "2 min 21 s",
    ):
        assert shown in page.words
    assert "23 of 40 unseen artworks" in page.words
    assert "2 of 3 completed, 1 aborted" in page.words
    assert "5 to 6 of 6 artists" in page.words


def test_what_a_buyer_gets_is_the_headline_and_a_loss_is_called_one(page, tmp_path):
    assert page.words.index("57.5%") < page.words.index("80.0%") < page.words.index("62.5%")
    assert "by +2.5 points against signatures of untrained features that cost the same" in page.words
    assert "A buyer with 3 pictures" in page.words
    assert "5 pictures" not in page.words
    content = summary()
    content["buyer"]["no_training"]["1"] = scores(0.6)
    (tmp_path / "summary.json").write_text(json.dumps(content))
    write_report(tmp_path)
    assert "by \N{MINUS SIGN}2.5 points" in Page((tmp_path / "report.html").read_text()).words


def test_epsilon_is_shown_in_three_views_and_never_one_alone(page):
    labels = [
        attrs["aria-label"] for tag, attrs in page.tags if tag == "svg" and "Epsilon" in attrs.get("aria-label", "")
    ]
    assert set(labels) == {"Epsilon: aggregate 7.98; local 68.1; worst case 68.1"}
    for view in ("aggregate", "local", "worst case"):
        assert view in page.words
    assert "Trusts nobody. " in page.words
    assert "at most 1 artists" not in page.words
    assert "at least 5" in page.words


def test_the_published_signature_is_the_last_step_of_the_spending(page):
    assert page.words.count("signature") > 0
    assert ">signature</text>" in page.text
    assert 'class="missed"' in page.text


def test_no_name_or_setting_becomes_markup(page):
    """HTM-1."""
    kinds = {tag for tag, _ in page.tags}
    assert "script" not in kinds
    assert page.text.count("<b>two</b>") == 0
    assert "Pictures left out: 1" in page.text
    assert "ada/&lt;i&gt;scan&lt;/i&gt;.tif</bdi>: it is .tif" in page.text
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    for name in NAMES[:5]:
        assert re.sub(r"\s", "", name) in re.sub(r"\s", "", page.words)
    assert "build/<run>" in page.words


def test_the_page_asks_nothing_of_the_network(page):
    """REP-1."""
    assert page.values("content")[0] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert not re.search(r"https?:|//|@import|url\(|<link|<iframe|<object|<script", page.text)
    assert all(target.startswith("#") for target in page.values("href"))


def test_the_policy_stands_before_anything_it_governs(page):
    metas = [attrs for tag, attrs in page.tags if tag in {"meta", "style"}]
    assert metas[1]["http-equiv"] == "Content-Security-Policy"


def test_every_id_is_unique_and_every_reference_has_its_target(page):
    ids = page.values("id")
    assert len(ids) == len(set(ids)) == len(NAMES)
    assert {target[1:] for target in page.values("href")} == set(ids)


def test_equal_runs_give_equal_pages(run, page):
    assert write_report(run).read_text(encoding="utf-8") == page.text


def test_no_artwork_is_shown_unless_handed_in(page):
    """REP-2."""
    assert not any(tag == "img" for tag, _ in page.tags)
    assert "data:" not in page.text.replace("img-src data:", "")


def test_handed_in_artworks_are_shown_of_the_runs_artists_only(run, artworks):
    page = read(write_report(run, artworks=artworks))
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    assert {image["alt"] for image in images} == {"A work by alfred-sisley", "A work by claude-monet"}
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in images)
    assert not re.search(r"https?:|//(?!9j)", re.sub(r"base64,[^\"]*", "", page.text))
    assert str(artworks) not in page.text


def test_artworks_of_other_artists_are_refused_and_the_old_page_stays(run, artworks, page):
    for name in ("alfred-sisley", "claude-monet"):
        (artworks / name).rename(artworks / f"not-{name}")
    with pytest.raises(InputError, match="none of the run's artists"):
        write_report(run, artworks=artworks)
    assert (run / "report.html").read_text(encoding="utf-8") == page.text


def test_a_run_without_privacy_says_so_loudly(tmp_path):
    page = read(write_report(write_run(tmp_path / "run", without_privacy())))
    assert "NOTHING WAS PROTECTED" in page.words
    assert page.words.index("NOTHING WAS PROTECTED") < page.words.index("57.5%")
    assert "bounded by" not in page.words
    assert "private signatures" not in page.words
    assert page.words.count("\N{INFINITY}") >= 6


def test_a_private_run_has_no_banner(page):
    assert "NOTHING WAS PROTECTED" not in page.words
    assert "is bounded by ε = 7.98" in page.words
    assert "an artist who trusts none of this has ε = 68.1" in page.words


def test_local_mode_promises_the_local_view(tmp_path):
    content = summary()
    content["privacy"] |= {"mode": "local", "epsilon": epsilons(2.5, 8.0), "at_end": epsilons(2.5, 8.0)}
    page = read(write_report(write_run(tmp_path / "run", content)))
    assert "is bounded by ε = 8.00, without trusting any of them" in page.words


def test_a_view_without_bound_is_drawn_beside_bounded_ones(tmp_path):
    content = summary()
    content["privacy"]["epsilon"] = epsilons(7.98, None)
    for step in content["history"]:
        step["epsilon"] = epsilons(4.0, None)
    page = read(write_report(write_run(tmp_path / "run", content)))
    assert "local \N{INFINITY}" in page.words
    assert "nan" not in page.text.lower().replace("finance", "")


def test_a_run_in_which_nobody_signed_has_no_map_and_no_ornaments(tmp_path):
    content = summary()
    del content["buyer"]
    content["settings"]["sign"] = False
    page = read(write_report(write_run(tmp_path / "run", content, artists=())))
    assert "A map of the style space" not in page.words
    assert "nobody published a signature" in page.words
    assert "62.5%" in page.words
    assert "57.5%" not in page.words


def test_the_smallest_run_still_makes_a_page(tmp_path):
    content = summary() | {
        "history": [],
        "examples": [],
        "warnings": [],
        "left_out": [],
        "settings": {},
        "versions": {},
        "command": "",
    }
    content |= {"seconds": {}, "aggregation": {}, "queries": 1}
    page = read(write_report(write_run(tmp_path / "run", content, artists=NAMES[:2])))
    assert "What remains at risk" in page.words


def test_a_run_that_held_nothing_out_reports_no_accuracy(tmp_path):
    content = summary() | {"queries": 0}
    for name in ("retrieval", "no_training", "random_head", "buyer", "examples"):
        del content[name]
    page = read(write_report(write_run(tmp_path / "run", content)))
    assert "nothing was held out" in page.words
    assert "How well artists are found" not in page.words
    assert "unseen" not in page.words
    assert "A map of the style space" in page.words
    assert "is bounded by ε = 7.98" in page.words


def bent(change):
    content = copy.deepcopy(summary())
    change(content)
    return content


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ([], "summary.json"),
        (bent(lambda s: s.update(format="fedstyle-run-9")), "fedstyle-run-9"),
        (bent(lambda s: s.pop("privacy")), "'privacy'"),
        (bent(lambda s: s["retrieval"].pop("mrr")), "'mrr'"),
        (bent(lambda s: s.update(artists="six")), "'artists'"),
        (bent(lambda s: s.update(artists=-1)), "'artists'"),
        (bent(lambda s: s.update(artists=True)), "'artists'"),
        (bent(lambda s: s["retrieval"].update(mrr=float("nan"))), "'mrr'"),
        (bent(lambda s: s["history"].append("x")), "entry 4"),
        (bent(lambda s: s.update(examples={})), "'examples'"),
        (bent(lambda s: s["examples"][0].update(ranking=[1])), "'ranking'"),
        (bent(lambda s: s["privacy"].update(epsilon={"local": 1.0, "aggregate": 1.0})), "'worst_case'"),
    ],
)
def test_a_summary_that_is_not_one_is_refused_by_name(tmp_path, content, named):
    run = write_run(tmp_path / "run", content)
    with pytest.raises(InputError, match=named):
        write_report(run)
    assert not (run / "report.html").exists()


def test_text_and_attributes_are_escaped_and_markup_is_not():
    assert tag("p", "<&>", tag("b", "x"), class_='"', data_x=None) == '<p class="&quot;">&lt;&amp;&gt;<b>x</b></p>'
    assert join("a<", 1.50, 2.0, None) == "a&lt;1.52"


def test_labels_are_spread_and_keep_their_order():
    placed = spread([50.0, 10.0, 50.5, 51.0], 16)
    ordered = [placed[index] for index in (1, 0, 2, 3)]
    assert all(b - a > 15.9 for a, b in pairwise(ordered))
    assert spread([0.0, 100.0], 16) == [0.0, 100.0]


def test_an_ornament_depends_on_published_signatures_alone_and_near_ones_look_alike():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(20, 16)).astype(np.float32)
    rows[1] = rows[0] + 1e-6

    def painted(artists):
        ornaments = Ornaments(artists, rows)
        for artist in artists:
            ornaments.draw(artist)
        return re.findall(r"<symbol.*?</symbol>", ornaments.definitions())

    names = [f"artist-{number}" for number in range(20)]
    assert painted(names) == painted([f"other-{number}" for number in range(20)])
    shapes = [re.sub(r'id="[^"]*"', "", symbol) for symbol in painted(names)]
    assert shapes[0][:60] == shapes[1][:60]
    assert len(set(shapes)) >= 19
    assert Ornaments(names, rows).draw("stranger") is None


def test_the_map_shows_the_two_main_directions():
    positions = np.array([[3.0, 0], [-3, 0], [0, 1], [0, -1]])
    basis = np.linalg.qr(np.random.default_rng(2).normal(size=(9, 9)))[0][:2]
    places = StyleMap.of(["a", "b", "c", "d"], (positions @ basis + 5).astype(np.float32))
    assert places.share == pytest.approx(1)
    assert np.allclose(np.abs(places.positions), np.abs(positions), atol=1e-5)


def test_a_label_is_measured_in_letters_that_are_seen():
    assert text_width("葛飾北斎") == text_width("eightlet")
    assert text_width("a\u200cb") == text_width("ab")
    assert text_width("e\u0301") == text_width("e")


def test_a_map_of_equal_signatures_is_one_place():
    places = StyleMap.of(["a", "b", "c"], np.ones((3, 4), dtype=np.float32))
    drawn = places.draw(Ornaments(["a", "b", "c"], np.ones((3, 4), dtype=np.float32)), 760)
    assert places.share == 0
    assert "nan" not in drawn
