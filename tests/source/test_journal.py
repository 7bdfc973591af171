"""The journal's message ids and their catalog."""

import pathlib
import re
import subprocess

TREE = pathlib.Path(__file__).resolve().parents[2]
CATALOG = TREE / "units/opendepot.catalog"


def ids():
    """name → id from the header; each stands there as one string of 32 hexadecimal digits."""
    text = (TREE / "daemon/base/message-id.h").read_text()
    return dict(re.findall(r'^#\s*define\s+(\w+)\s+"([0-9a-f]{32})"', text, re.MULTILINE))


def entries():
    """id → (header lines, body) of each catalog entry."""
    parts = re.split(r"^-- ([0-9a-f]{32})(?: \w+)?$", CATALOG.read_text(), flags=re.MULTILINE)
    result = {}
    for number, text in zip(parts[1::2], parts[2::2]):
        assert number not in result, f"{number} has two entries"
        head, _, body = text.strip().partition("\n\n")
        result[number] = (head.splitlines(), body.strip())
    return result


def test_each_id_is_used_once():
    assert ids(), "no id was found in the header"
    assert len(set(ids().values())) == len(ids())


def test_each_id_has_an_entry_and_each_entry_an_id():
    assert set(entries()) == set(ids().values())


def test_entries_are_complete():
    for number, (head, body) in entries().items():
        assert {line.partition(":")[0] for line in head} >= {"Subject", "Defined-By", "Documentation"}, number
        assert body, f"{number} explains nothing"


def test_entries_name_only_fields_that_are_logged():
    logged = set(re.findall(r"\b(OPENDEPOT_[A-Z]+)=", (TREE / "daemon/base/log.h").read_text()))
    named = set(re.findall(r"@([A-Z_]+)@", CATALOG.read_text())) - {"MESSAGE"}
    assert named <= logged, named - logged


def test_the_manual_page_names_the_fields_that_are_set():
    manual = (TREE / "man/opendepotd.8").read_text()
    named = set(re.findall(r"\b(OPENDEPOT_[A-Z]+)=", manual))
    sources = [path.read_text() for path in (TREE / "daemon").rglob("*.c")]
    contexts = "".join(re.findall(r"\(LogContext\) \{.*?\}", "".join(sources), re.DOTALL))
    assert named == {f"OPENDEPOT_{member.upper()}" for member in re.findall(r"\.(\w+) = ", contexts)}


def test_each_id_is_logged_somewhere():
    sources = "".join(
        path.read_text() for path in (TREE / "daemon").rglob("*.c")
    )
    unused = [name for name in ids() if name not in sources]
    assert not unused, unused


def test_the_catalog_compiles(tmp_path):
    directory = tmp_path / "usr/lib/systemd/catalog"
    directory.mkdir(parents=True)
    (directory / "opendepot.catalog").write_text(CATALOG.read_text())
    result = subprocess.run(
        ["journalctl", f"--root={tmp_path}", "--update-catalog"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert "opendepot" not in result.stdout, result.stdout
