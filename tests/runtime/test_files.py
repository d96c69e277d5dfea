"""Files that are packed, cut, endless, of another kind or hostile are read or refused in time."""

import bz2
import contextlib
import gzip
import io
import lzma
import os
import pickle
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.formats import files
from gmruntime.formats.errors import FormatError
from gmruntime.formats.models import read_model
from gmruntime.formats.numpy_files import ARRAY_BYTES_MAX, MEMBERS_MAX, read_npy, read_npz
from gmruntime.formats.recognise import recognise, text_format
from gmruntime.formats.text import read_text

MODEL = "MARKOV\n1\n2\n1\n1 0\n2 1 3\n"
PACKERS = [gzip.compress, bz2.compress, lzma.compress]

Pack = Callable[[bytes], bytes]


# --- Packed files --------------------------------------------------------------------------


@pytest.mark.parametrize("pack", PACKERS)
def test_packed_streams_that_follow_one_another_are_one_file(tmp_path: Path, pack: Pack) -> None:
    path = tmp_path / "m.uai"
    path.write_bytes(pack(MODEL[:9].encode()) + pack(MODEL[9:].encode()))
    assert read_text(path) == MODEL


@pytest.mark.parametrize("pack", PACKERS)
def test_a_file_that_unpacks_to_more_than_the_cap_is_refused(tmp_path: Path, pack: Pack) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(pack(b" " * 3_000_000))
    assert len(files.read_unpacked(path, 3_000_000)) == 3_000_000
    with pytest.raises(FormatError, match="too large"):
        files.read_unpacked(path, 2_999_999)


@pytest.mark.parametrize("pack", PACKERS)
def test_a_file_that_grows_too_many_times_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Pack
) -> None:
    monkeypatch.setattr(files, "PLAIN_BYTES", 1 << 20)
    path, many = tmp_path / "bomb", 40_000
    noise = np.random.default_rng(0).integers(0, 10, many).astype(str)
    path.write_bytes(pack(" ".join(noise).encode()))
    grows = many * 2 - 1
    assert len(files.read_unpacked(path)) == grows
    path.write_bytes(pack(b"5 " * (1 << 19)))
    assert len(files.read_unpacked(path)) == 1 << 20
    path.write_bytes(pack(b"5 " * (1 << 24)))
    with pytest.raises(FormatError, match="100 times its size") as caught:
        files.read_unpacked(path)
    assert "unpack it" in caught.value.hint


@pytest.mark.parametrize("pack", PACKERS)
def test_a_packed_file_may_be_cut_anywhere(tmp_path: Path, pack: Pack) -> None:
    whole, path = pack(MODEL.encode()), tmp_path / "m.uai"
    for length in range(6, len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(FormatError, match="unpacked"):
            read_text(path)


def test_what_is_packed_twice_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.uai.gz"
    path.write_bytes(gzip.compress(gzip.compress(MODEL.encode())))
    with pytest.raises(FormatError, match="gzip"):
        read_text(path)


# --- Devices and pipes ---------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs the devices of Unix")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
def test_a_device_without_end_is_no_text(device: str) -> None:
    with pytest.raises(FormatError, match="no text"):
        read_text(device)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_once_it_has_a_writer(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(gzip.compress(MODEL.encode())))
    writer.start()
    assert read_text(pipe) == MODEL
    writer.join()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_without_a_writer_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "WRITER_WAIT_S", 0.05)
    os.mkfifo(tmp_path / "pipe")
    for read in (read_text, read_npy):
        with pytest.raises(TimeoutError, match="nobody writes"):
            read(tmp_path / "pipe")


# --- What files look like ------------------------------------------------------------------

LOOKS = {
    "MARKOV\n1\n2\n": "a UAI model",
    "c old\nbayes\n1\n": "a UAI model",
    "# made by hand\nnetwork n {\n}\n": "a BIF network",
    "variable a {\n  type discrete [ 2 ] { x, y };\n}\n": "a BIF network",
    "2 0 1\n2 0\n": "a UAI evidence or query file",
    "PR\n-3.5\n": "a UAI result",
    "var a : bool\n": "a gmlang program",
    '"A model."\n\n# why\nmodel m(x: T):\n': "a gmlang program",
    "net\n{\n}\nnode a\n{\n": "a Hugin network (NET)",
    '{"problem":{"name":"t","mustbe":"<1"}}': "a cost function network (CFN, JSON)",
    '[\n  {"a": 1}\n]': "JSON",
    "tiny 2 2 1 10\n2 2\n2 0 1 0 1\n0 1 3\n": "a weighted constraint problem (WCSP)",
    '<?xml version="1.0"?>\n<!-- x -->\n<BIF VERSION="0.3">': "an XMLBIF network",
    "<!DOCTYPE html>\n<html>": "an HTML page",
    "<a/>": "XML",
    "c hi\np cnf 2 1\n1 2 0\n": "a DIMACS formula (CNF)",
    "a,b\n1,2\n3,4\n": "a CSV table",
    "import numpy as np\n\ndef f(x):\n    return x\n": "a Python program",
    "version https://git-lfs.github.com/spec/v1\n": "a pointer of Git LFS",
}


@pytest.mark.parametrize("text", LOOKS, ids=LOOKS.values())
def test_a_text_is_recognised_by_how_it_begins(text: str) -> None:
    found = text_format(text)
    assert found is not None
    assert found.name == LOOKS[text]


def test_a_name_tells_what_the_content_does_not() -> None:
    found = recognise("folder/asia.NET.gz", "what is this\n")
    assert found is not None
    assert "NET" in found.name
    assert recognise("folder.net/asia", "what is this\n") is None


@given(st.text(st.sampled_from("c#</*!->\n {}net1,p%"), max_size=300))
def test_whatever_a_text_begins_with_is_looked_at_in_no_time(text: str) -> None:
    text_format(text * 20)


def test_a_model_s_format_goes_by_its_content(tmp_path: Path) -> None:
    bif = "network n { }\nvariable a { type discrete [ 1 ] { x }; }\nprobability ( a ) { table 1; }"
    for name, text in (("m.uai", bif), ("m.bif", MODEL), ("m.gm", ""), ("m", "var a : bool\n")):
        (tmp_path / name).write_text(text, "utf-8")
    assert type(read_model(tmp_path / "m.uai")).__name__ == "Network"
    assert type(read_model(tmp_path / "m.bif")).__name__ == "FactorGraph"
    assert read_model(tmp_path / "m.gm") is None
    assert read_model(tmp_path / "m") is None


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_and_windows_line_ends_do_not_matter(
    tmp_path: Path, encoding: str
) -> None:
    (tmp_path / "m.uai").write_bytes(MODEL.replace("\n", "\r\n").encode(encoding))
    assert read_model(tmp_path / "m.uai") is not None


# --- NumPy's files -------------------------------------------------------------------------


def npy(shape: object, descr: object = "<f8", body: bytes = b"", version: int = 1) -> bytes:
    """Write a header that says anything, and a body that need not agree."""
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    length = len(header).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + body


def zipped(content: bytes, name: str = "y.npy") -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return held.getvalue()


HOSTILE = {
    "more than there is": npy((10**15,)),
    "beyond the cap": npy((ARRAY_BYTES_MAX,)),
    "less than it says": npy((4,), body=b"\0" * 8),
    "a negative size": npy((-1,)),
    "no size": npy("ab"),
    "half a size": npy((2.5,)),
    "many axes": npy((1,) * 70, body=b"\0" * 8),
    "objects": npy((1,), "|O", pickle.dumps([None])),
    "objects inside": npy((1,), [("a", "|O")], pickle.dumps([None])),
    "long words": npy((2,), "<U1000000000"),
    "no type": npy((2,), "xx"),
    "brackets": npy((2,), "(" * 5000),
    "a version of tomorrow": npy((2,), version=9),
    "a cut header": b"\x93NUMPY\x01\x00\xff\xff{",
    "a cut magic": b"\x93NUM",
    "nothing": b"",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_array_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "y.npy").write_bytes(content)
    (tmp_path / "y.npz").write_bytes(zipped(content))
    for read, name in ((read_npy, "y.npy"), (read_npz, "y.npz")):
        with pytest.raises(FormatError):
            read(tmp_path / name)


class _Trap:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, ("trapped",)


def test_pickled_objects_are_never_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trap = np.array([_Trap()], dtype=object)
    np.save("y.npy", trap)
    np.savez("y.npz", y=trap)
    Path("p.npy").write_bytes(pickle.dumps(_Trap()))
    for read, name in ((read_npy, "y.npy"), (read_npz, "y.npz"), (read_npy, "p.npy")):
        with pytest.raises(FormatError, match=r"pickle"):
            read(name)
    assert not Path("trapped").exists()


def test_an_archive_of_very_many_members_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "y.npz", "w") as archive:
        for number in range(MEMBERS_MAX + 1):
            archive.writestr(f"{number}.npy", b"")
    with pytest.raises(FormatError, match="members"):
        read_npz(tmp_path / "y.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", ["<f8", ">i2", "?", "<U3", "<c8"])
def test_plain_arrays_come_back_as_saved(
    tmp_path: Path, save: Callable[..., None], dtype: str
) -> None:
    array = np.asfortranarray(np.arange(6).reshape(2, 3).astype(dtype))
    save(tmp_path / "y.npz", y=array, z=array[0], s=array[0, 1])
    np.save(tmp_path / "y.npy", array)
    found = read_npz(tmp_path / "y.npz")
    for one, other in ((found["y"], array), (found["z"], array[0]), (found["s"], array[0, 1])):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    np.testing.assert_array_equal(read_npy(tmp_path / "y.npy"), array)


def _saved(save: Callable[..., None]) -> bytes:
    held = io.BytesIO()
    save(held, x=np.arange(6), y=np.zeros((2, 2)))
    return held.getvalue()


ARCHIVES = [_saved(np.savez), _saved(np.savez_compressed)]


@settings(max_examples=60)
@given(st.data())
def test_a_damaged_archive_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(data.draw(st.sampled_from(ARCHIVES)))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("npz") / "x.npz"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    with contextlib.suppress(FormatError):
        read_npz(path)


@pytest.mark.parametrize("order", "<>")
def test_text_of_no_letters_is_refused(tmp_path: Path, order: str) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.array([["ab", "c"], ["", "\U0010ffff"]], f"{order}U2"))
    assert read_npy(path)[1, 1] == "\U0010ffff"
    content = bytearray(path.read_bytes())
    content[-8:-4] = b"\x80" * 4
    path.write_bytes(bytes(content))
    with pytest.raises(FormatError, match="no letter"):
        read_npy(path)
