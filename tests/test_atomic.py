from pathlib import Path

import pytest

from pointcalo.atomic import folder_beside

MARK = "report.html"


def fill(path: Path, text: str) -> None:
    with folder_beside(path, mark=MARK) as folder:
        (folder / MARK).write_text(text)


def test_a_folder_appears_when_it_is_complete_and_replaces_its_like(tmp_path: Path) -> None:
    path = tmp_path / "judged"
    fill(path, "first")
    (path / "more.csv").touch()
    fill(path, "second")
    assert [file.name for file in path.iterdir()] == [MARK]
    assert (path / MARK).read_text() == "second"
    assert list(tmp_path.iterdir()) == [path]


def test_the_folder_before_is_kept_when_the_new_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "judged"
    fill(path, "first")
    with pytest.raises(ZeroDivisionError), folder_beside(path, mark=MARK):
        _ = 1 / 0
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.suffix == ".part":
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="no"):
        fill(path, "second")
    assert (path / MARK).read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_such_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="is a file, expected the name of a folder"):
        fill(tmp_path / "file", "")
    with pytest.raises(ValueError, match=f"holds other files and no {MARK}"):
        fill(tmp_path, "")
    with pytest.raises(FileNotFoundError, match="make it first"):
        fill(tmp_path / "none" / "judged", "")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
