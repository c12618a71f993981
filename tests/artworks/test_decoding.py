import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin

from fedstyle_secure.artworks import read_artwork
from fedstyle_secure.artworks.decoding import LONGEST_SIDE, MAX_PIXELS
from fedstyle_secure.errors import InputError


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, color: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG written by hand, for what Pillow does not write."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def encode(picture: Image.Image, kind: str) -> bytes:
    file = BytesIO()
    picture.save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("name", ["a.jpg", "a.jpeg", "a.jpe", "a.jfif", "a.png", "a.webp"])
def test_every_accepted_kind_is_read(tmp_path: Path, picture: Image.Image, name: str) -> None:
    picture.save(tmp_path / name, quality=95)
    artwork = read_artwork(tmp_path / name)
    assert artwork.content is None
    difference = np.abs(artwork.pixels.astype(int) - np.asarray(picture))
    assert difference.mean() < (1 if name == "a.png" else 20)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
def test_orientation_is_applied(tmp_path: Path, picture: Image.Image, orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"turned.{kind}"
    picture.save(path, exif=exif, quality=100, **({"lossless": True} if kind == "webp" else {}))
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert np.array_equal(read_artwork(path).pixels, expected)


def test_no_metadata_survives(tmp_path: Path, picture: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x013B] = "Secret Artist"
    text = PngImagePlugin.PngInfo()
    text.add_text("Location", "Secret Place")
    picture.save(tmp_path / "secret-name.png", exif=exif, pnginfo=text, icc_profile=b"Secret profile")
    picture.save(tmp_path / "plain.png")
    artwork = read_artwork(tmp_path / "secret-name.png")
    assert artwork.digest == read_artwork(tmp_path / "plain.png").digest
    assert set(artwork.__slots__) == {"pixels", "content"}
    assert artwork.content is None


def test_damaged_exif_does_not_spoil_a_good_picture(tmp_path: Path, picture: Image.Image) -> None:
    picture.save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff broken")
    assert read_artwork(tmp_path / "a.jpg").pixels.shape == (24, 40, 3)


@pytest.mark.parametrize("values", [[0, 32896, 65535], [257, 65278, 40000]])
def test_16_bit_gray_is_scaled_not_clipped(tmp_path: Path, values: list[int]) -> None:
    Image.fromarray(np.array([values], np.uint16)).save(tmp_path / "a.png")
    assert read_artwork(tmp_path / "a.png").pixels[0, :, 0].tolist() == [round(value / 257) for value in values]


@pytest.mark.parametrize(("color", "channels"), [(2, 3), (4, 2), (6, 4)], ids=["RGB", "LA", "RGBA"])
def test_16_bit_color_and_alpha_are_scaled(tmp_path: Path, color: int, channels: int) -> None:
    samples = [0x4000] * (channels - 1) + [0xFFFF] if channels != 3 else [0x4000] * 3
    (tmp_path / "a.png").write_bytes(png(1, 1, 16, color, b"\0" + struct.pack(f">{channels}H", *samples)))
    assert np.abs(read_artwork(tmp_path / "a.png").pixels.astype(int) - 0x40).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "RGB"])
def test_opaque_modes_become_rgb(tmp_path: Path, picture: Image.Image, mode: str) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    picture.convert(mode).save(path)
    with Image.open(path) as image:
        assert image.mode == mode
        assert np.array_equal(read_artwork(path).pixels, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
@pytest.mark.parametrize("kind", ["png", "webp"])
def test_transparency_is_laid_on_white(tmp_path: Path, mode: str, kind: str) -> None:
    picture = Image.new("RGBA", (4, 2), (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (2, 0, 4, 2))
    path = tmp_path / f"a.{kind}"
    picture.convert(mode).save(path, lossless=True)
    assert read_artwork(path).pixels[:, :, 0].tolist() == [[0, 0, 255, 255]] * 2


def test_a_transparent_key_color_is_laid_on_white(tmp_path: Path) -> None:
    rows = b"\0" + bytes([10, 20, 30, 40, 50, 60])
    key = chunk(b"tRNS", struct.pack(">3H", 10, 20, 30))
    (tmp_path / "a.png").write_bytes(png(2, 1, 8, 2, rows, key))
    assert read_artwork(tmp_path / "a.png").pixels.tolist() == [[[255, 255, 255], [40, 50, 60]]]


@pytest.mark.parametrize(("size", "kind"), [((1600, 900), "jpg"), ((600, 1300), "png"), ((3000, 2), "webp")])
def test_large_pictures_are_shrunk(tmp_path: Path, size: tuple[int, int], kind: str) -> None:
    Image.new("RGB", size, (90, 120, 30)).save(tmp_path / f"a.{kind}")
    pixels = read_artwork(tmp_path / f"a.{kind}").pixels
    assert max(pixels.shape) == LONGEST_SIDE
    assert np.abs(pixels.astype(int) - (90, 120, 30)).max() <= 6


def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    side = 11_000
    assert side * side > MAX_PIXELS
    # The header promises 121 million pixels; there is nothing behind it, so decoding would say "truncated".
    (tmp_path / "bomb.png").write_bytes(png(side, side, 8, 2, b""))
    with pytest.raises(
        InputError, match=r"bomb\.png is too large \(11000 x 11000 = 121 million pixels, .* 100 million\); .* smaller"
    ):
        read_artwork(tmp_path / "bomb.png")


def test_a_huge_bomb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png(60_000, 60_000, 8, 2, b""))
    with pytest.raises(InputError, match=r"bomb\.png is too large"):
        read_artwork(tmp_path / "bomb.png")


@pytest.mark.parametrize(("kind", "mode", "megabytes"), [("JPEG", "RGB", 60), ("PNG", "L", 200), ("PNG", "I;16", 450)])
def test_a_page_of_a3_at_600_dpi_is_read_within_bounded_memory(
    tmp_path: Path, kind: str, mode: str, megabytes: int
) -> None:
    page = Image.new(mode, (7016, 9921), 40_000 if mode == "I;16" else 0)
    options = {"compress_level": 1} if kind == "PNG" else {}
    page.save(tmp_path / "page", kind, **options)
    program = """
import resource, sys
from pathlib import Path
from fedstyle_secure.artworks.decoding import decode_pixels
taken = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = taken()
print(max(decode_pixels(Path(sys.argv[1])).shape), taken() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "page"], capture_output=True, text=True, check=True
    )
    side, taken = map(int, done.stdout.split())
    assert side == LONGEST_SIDE
    assert taken < megabytes


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animations_are_refused(tmp_path: Path, picture: Image.Image, kind: str) -> None:
    picture.save(tmp_path / "moving.png", kind, save_all=True, append_images=[ImageOps.flip(picture)])
    with pytest.raises(InputError, match=r"moving\.png is animated; export one frame"):
        read_artwork(tmp_path / "moving.png")


def test_a_cameras_multi_picture_jpeg_is_a_still(tmp_path: Path, picture: Image.Image) -> None:
    picture.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[picture.resize((8, 8))])
    assert read_artwork(tmp_path / "a.jpg").pixels.shape == (24, 40, 3)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "EPS", "PPM"])
def test_no_other_decoder_runs(tmp_path: Path, picture: Image.Image, kind: str) -> None:
    picture.save(tmp_path / "disguised.png", kind)
    with pytest.raises(InputError, match=r"disguised\.png is not a JPEG, PNG or WebP picture"):
        read_artwork(tmp_path / "disguised.png")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (b"hello", "is not a JPEG, PNG or WebP picture"),
        (png(0, 5, 8, 2, b""), "has no pixels|damaged|not a JPEG"),
        (png(4, 4, 8, 2, b"\0abc"), "damaged or truncated"),
    ],
    ids=["empty", "text", "no width", "short"],
)
def test_what_is_no_picture_is_refused_by_name(tmp_path: Path, data: bytes, problem: str) -> None:
    (tmp_path / "bad.png").write_bytes(data)
    with pytest.raises(InputError, match=rf"bad\.png .*({problem})|bad\.png ({problem})"):
        read_artwork(tmp_path / "bad.png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_truncated_files_are_refused(tmp_path: Path, picture: Image.Image, kind: str) -> None:
    data = encode(picture, kind)
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(InputError, match=r"cut\.jpg .*(damaged or truncated|not a JPEG)"):
        read_artwork(tmp_path / "cut.jpg")


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(InputError, match="cannot be opened"):
            read_artwork(path)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(["JPEG", "PNG", "WEBP"]), data=st.data())
def test_a_bent_file_is_an_artwork_or_an_input_error(
    tmp_path: Path, picture: Image.Image, kind: str, data: st.DataObject
) -> None:
    bent = bytearray(encode(picture, kind))
    for _ in range(data.draw(st.integers(1, 6))):
        bent[data.draw(st.integers(0, len(bent) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "bent.png"
    path.write_bytes(bytes(bent[: data.draw(st.integers(1, len(bent)))]))
    message = ""
    try:
        artwork = read_artwork(path)
    except InputError as error:
        message = str(error)
    assert "bent.png" in message if message else max(artwork.pixels.shape[:2]) <= LONGEST_SIDE
