"""Standard streams that are closed, full or of few letters do no harm."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = "domain C = {grün, rot}\nvar farbe : C\nprefer farbe == rot weight 1.0\n"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a shell")


def shell(folder: Path, command: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command line in which GM stands for ours."""
    root = Path(__file__).resolve().parents[2]
    paths = os.pathsep.join(map(str, [root, root / "runtime", root / "stdlib"]))
    (folder / "p.gm").write_text(PROGRAM + "query P(farbe)\n", "utf-8")
    return subprocess.run(
        ["bash", "-c", command.replace("GM", f"{sys.executable} -m gmlang")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, **more},
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_no_status(tmp_path: Path, closed: str) -> None:
    assert shell(tmp_path, f"GM run p.gm {closed}").returncode == 0
    assert shell(tmp_path, f"GM run none.gm {closed}").returncode == 2


def test_a_closed_input_is_an_empty_one(tmp_path: Path) -> None:
    assert shell(tmp_path, "GM repl <&-").returncode == 0


def test_a_reader_that_has_seen_enough_ends_us_quietly(tmp_path: Path) -> None:
    many = " ".join(["-q 'P(farbe)'"] * 300)
    done = shell(tmp_path, f"GM run p.gm {many} | head -1; exit ${{PIPESTATUS[0]}}")
    assert done.returncode == 0
    assert done.stdout == b"P(farbe)\n"
    assert done.stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    for locale in ("C.UTF-8", ""):
        done = shell(tmp_path, "GM run p.gm > /dev/full", LANG=locale, LC_ALL=locale)
        assert done.returncode == 2
        assert done.stderr.startswith(b"gmlang: ")
        assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1:strict", "utf-16"])
def test_letters_that_an_encoding_lacks_are_no_obstacle(tmp_path: Path, encoding: str) -> None:
    for command in ("GM run p.gm", "GM run p.gm -q 'P(färbe)'", "GM repl < p.gm"):
        done = shell(tmp_path, command, PYTHONIOENCODING=encoding)
        assert done.returncode in (0, 1)
        assert b"Traceback" not in done.stderr
