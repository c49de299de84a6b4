"""The code of docs/add-a-detector.md runs, in a folder outside the checkout."""

import re
import shlex
from pathlib import Path

import pytest

from pointcalo.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "add-a-detector.md"


def test_the_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert {kind for kind, _ in blocks} == {"python", "sh", "text", "xml", "yaml"}
    for kind, text in blocks:
        if kind in ("yaml", "xml"):
            Path(text.split()[1]).write_text(text)
        elif kind == "python":
            exec(text, {})
        elif kind == "sh":
            for line in text.strip().splitlines():
                program, *arguments = shlex.split(line)
                assert program == "pointcalo" and main(arguments) == 0, line
    for name in ("showers.h5", "spiral.h5", "my_detector.png"):
        assert Path(name).stat().st_size > 1000
