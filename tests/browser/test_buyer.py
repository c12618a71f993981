"""The buyer's page as buyers meet it: at two widths and in two schemes, by keyboard, and without a network."""

import pytest
from PIL import Image

from fedstyle_secure.platform.pages.buyer import WORDS
from tests.browser.looking import LOOKS, check_page, draw, tab_to, visiting

pytestmark = pytest.mark.browser

DROP = """async ({kind, name, bytes}) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(bytes)], name, {type: "image/png"}));
    const facts = {bubbles: true, cancelable: true};
    document.body.dispatchEvent(kind === "drop" ? new DragEvent("drop", {...facts, dataTransfer: data})
        : new ClipboardEvent("paste", {...facts, clipboardData: data}));
}"""


def opened(context, gallery):
    page = context.new_page()
    page.goto(gallery.address)
    ready(page)
    return page


def ready(page):
    page.locator("body[data-ready]").wait_for(timeout=60_000)


def asked(page, *pictures):
    """Names that come back, nearest first."""
    page.get_by_label("Choose pictures").set_input_files(pictures)
    return found(page)


def found(page):
    page.get_by_text("Found. Nearest is").wait_for()
    return page.locator("#found .name").all_text_contents()


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_a_buyer_gives_a_picture_and_finds_its_artist(chromium, gallery, look):
    artist, (picture, *_) = list(gallery.questions.items())[3]
    with visiting(chromium, look) as context:
        page = opened(context, gallery)
        check_page(page)
        assert asked(page, picture) == gallery.ranking(picture)[:10]
        assert artist in page.locator("#found").text_content()
        check_page(page)
        draw(page, f"buyer-{look}")


def test_several_pictures_are_asked_with_together_as_the_command_line_does(chromium, gallery):
    with visiting(chromium) as context:
        page = opened(context, gallery)
        pictures = [pictures[0] for pictures in list(gallery.questions.values())[:3]]
        assert asked(page, *pictures) == gallery.ranking(*pictures)[:10]
        page.get_by_role("button", name="Remove").first.click()
        assert found(page) == gallery.ranking(*pictures[1:])[:10]
        for _ in pictures[1:]:
            page.get_by_role("button", name="Remove").first.click()
        assert page.locator("#answer").is_hidden()


def test_how_near_the_nearest_is_is_said_in_the_command_lines_words(chromium, gallery, tmp_path):
    noise = tmp_path / "noise.png"
    Image.effect_noise((300, 300), 200).save(noise)
    with visiting(chromium) as context:
        page = opened(context, gallery)
        said = set()
        for pictures in (*(pictures[:1] for pictures in gallery.questions.values()), [noise]):
            word = gallery.python.search(pictures, top=1).nearness
            asked(page, *pictures)
            assert page.locator("#nearness").text_content() == WORDS[word]
            said.add(word)
            page.get_by_role("button", name="Remove").click()
        assert len(said) > 1
        asked(page, noise)
        page.locator("#found button").first.click()  # nobody was asked about
        page.get_by_role("heading", name="Who paints like").wait_for()
        assert page.locator("#nearness").is_hidden()


def test_what_cannot_be_asked_with_is_told_in_a_sentence(chromium, gallery, tmp_path):
    picture = next(iter(gallery.questions.values()))[0]
    broken, drawing = tmp_path / "broken.png", tmp_path / "drawing.gif"
    moving = [tmp_path / "moving.png", tmp_path / "moving.webp"]
    for path in moving:
        Image.new("RGB", (9, 9)).save(path, save_all=True, append_images=[Image.new("RGB", (9, 9), "red")])
    broken.write_bytes(picture.read_bytes()[:500])
    Image.new("RGB", (9, 9)).save(drawing)
    with visiting(chromium) as context:
        page = opened(context, gallery)
        for file, sentence in (
            (broken, "Broken.png is damaged: export the picture again"),
            (drawing, "Drawing.gif is not a JPEG, PNG or WebP picture: convert it to one of these"),
            *((path, f"{path.name.capitalize()} is animated: export one frame as a still picture") for path in moving),
        ):
            page.get_by_label("Choose pictures").set_input_files(file)
            page.get_by_role("alert").get_by_text(sentence).wait_for()
            assert page.locator("#answer").is_hidden()
            page.get_by_role("button", name="Remove").click()
        page.get_by_label("Choose pictures").set_input_files([picture] * 6)
        page.get_by_role("alert").get_by_text("At most 5 pictures are asked with together").wait_for()
        assert found(page) == gallery.ranking(*[picture] * 5)[:10]


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_picture_may_be_dropped_or_pasted(chromium, gallery, kind):
    picture = next(iter(gallery.questions.values()))[0]
    with visiting(chromium) as context:
        page = opened(context, gallery)
        page.evaluate(DROP, {"kind": kind, "name": "image.png", "bytes": list(picture.read_bytes())})
        assert found(page) == gallery.ranking(picture)[:10]


def test_all_of_it_goes_by_keyboard(chromium, gallery):
    artist, (picture, *_) = next(iter(gallery.questions.items()))
    with visiting(chromium) as context:
        page = opened(context, gallery)
        tab_to(page, "Choose pictures")
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Space")
        chooser.value.set_files(picture)
        nearest = found(page)[0]
        tab_to(page, f"Who paints alike? {nearest}")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name=f"Who paints like {nearest}").wait_for()
        assert nearest not in page.locator("#found .name").all_text_contents()
        assert len(page.locator("#found .name").all()) == len(gallery.questions) - 1
        page.evaluate("document.activeElement.blur()")
        page.locator(".wide a").first.focus()
        page.keyboard.press("Enter")
        assert page.url.endswith("#artist-0")
        assert page.locator(":target .name").text_content() == artist


def test_a_map_to_wander_in_leads_from_artist_to_artist(chromium, gallery):
    with visiting(chromium) as context:
        page = opened(context, gallery)
        names = list(gallery.questions)
        assert page.locator(".wide a title").all_text_contents() == names
        index = gallery.python.index
        for number in (0, 5):
            order = [names[row] for row in next(iter(index.neighbors.nearest(index.vectors[[number]], len(names))))[0]]
            page.locator("#artists").get_by_role("button", name=names[number]).click()
            page.get_by_role("heading", name=f"Who paints like {names[number]}").wait_for()
            page.wait_for_function("name => document.querySelector('#found .name')?.textContent === name", arg=order[1])
            assert page.locator("#found .name").all_text_contents() == order[1:11]


def test_it_works_without_a_network_once_it_was_there_and_after_a_reload_too(chromium, gallery):
    picture = next(iter(gallery.questions.values()))[0]
    with visiting(chromium) as context:
        page = opened(context, gallery)
        page.locator("body[data-kept]").wait_for()
        context.set_offline(True)
        heard = len(gallery.heard)
        assert asked(page, picture) == gallery.ranking(picture)[:10]
        page.reload()
        ready(page)
        assert asked(page, picture) == gallery.ranking(picture)[:10]
        # A browser itself asks whether the script that answers for the platform is still the same.
        assert {each.url for each in gallery.heard[heard:]} <= {b"/offline.js?"}


def test_it_works_in_one_thread_where_pages_may_not_share_memory(chromium, gallery):
    picture = next(iter(gallery.questions.values()))[0]
    with visiting(chromium) as context:
        page = context.new_page()
        page.route(gallery.address, unisolated)
        page.goto(gallery.address)
        ready(page)
        assert page.evaluate("crossOriginIsolated") is False
        assert asked(page, picture) == gallery.ranking(picture)[:10]


def unisolated(route):
    answer = route.fetch()
    headers = {name: value for name, value in answer.headers.items() if not name.startswith("cross-origin-")}
    route.fulfill(response=answer, headers=headers)
