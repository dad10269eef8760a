"""The documentation tells the truth: generated pages, commands, links, files, examples."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from qs_jupyter.api.methods import METHODS
from qs_jupyter.api.phrase_slots import Speaker
from qs_jupyter.api.phrases import Grammar
from qs_jupyter.cli import qserver
from qs_jupyter.config_file import read_config
from qs_jupyter.configuration import _parser
from qs_jupyter.model.permissions import Permissions
from qs_jupyter.settings import options

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")])
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
LIMIT_S = 30


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Return the command lines of all pages, each with the page it is on."""
    return [
        (str(page.relative_to(ROOT)), line[2:])
        for page in PAGES
        for block in blocks(page.read_text(), "console")
        for line in block.splitlines()
        if line.startswith("$ ")
    ]


def test_generated_pages_are_current() -> None:
    command = [sys.executable, str(DOCS / "generate.py"), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_reference_holds_every_method_setting_and_phrase() -> None:
    api = (DOCS / "reference" / "api.md").read_text()
    assert [name for name in METHODS if f"### `{name}`" not in api] == []
    settings = (DOCS / "reference" / "settings.md").read_text()
    assert [name for name in options() if f"## {name}\n" not in settings] == []
    listed = (DOCS / "reference" / "commands.md").read_text().replace("\\|", "|")
    assert [p.usage for p in Grammar(METHODS).phrases if p.usage not in listed] == []


@pytest.mark.parametrize(("page", "line"), commands())
def test_a_command_of_a_page_exists(page: str, line: str) -> None:
    program, *words = shlex.split(line.partition(" > ")[0])
    if program == "qserver":
        parsed = qserver.parse(words)
        Grammar(METHODS).read(parsed.words, Speaker())
    elif program == "start-re-manager":
        _parser("start-re-manager").parse_args(words)
    elif program == "make":
        assert f"\n{words[0]}:" in (ROOT / "Makefile").read_text()
    else:
        assert program in SCRIPTS or program in (
            "pip",
            "export",
            "systemctl",
            "loginctl",
            "sqlite3",
        )


@pytest.mark.parametrize("page", NAMES)
def test_links_lead_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", (ROOT / page).read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (folder / target).exists()] == []


@pytest.mark.parametrize("page", NAMES)
def test_examples_of_yaml_are_valid(page: str, tmp_path: Path) -> None:
    for text in blocks((ROOT / page).read_text(), "yaml"):
        content: Any = yaml.safe_load(text)
        if "user_groups" in content:
            Permissions.parse(content)
        else:
            (tmp_path / "config.yml").write_text(text)
            read_config(str(tmp_path / "config.yml"))


@pytest.mark.parametrize("page", NAMES)
def test_examples_of_python_compile_and_import_what_there_is(page: str) -> None:
    for text in blocks((ROOT / page).read_text(), "python"):
        compile(text, page, "exec")
        for module, names in re.findall(r"^from (qs_\S+) import (.+)$", text, re.MULTILINE):
            found = import_module(module)
            assert [name for name in names.split(", ") if not hasattr(found, name)] == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_command_explains_itself(script: str) -> None:
    module, _, function = SCRIPTS[script].partition(":")
    code = f"import sys; from {module} import {function}; sys.exit({function}(['--help']))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: ")


@pytest.mark.parametrize("picture", sorted(path.name for path in (DOCS / "img").glob("*.svg")))
def test_pictures_follow_light_and_dark_and_say_what_they_show(picture: str) -> None:
    text = (DOCS / "img" / picture).read_text()
    assert "prefers-color-scheme: dark" in text
    assert 'aria-label="' in text
    assert any(picture in page.read_text() for page in PAGES), "nobody shows it"


def test_all_decisions_are_listed() -> None:
    index = (DOCS / "decisions" / "README.md").read_text()
    pages = [path.name for path in (DOCS / "decisions").glob("0*.md")]
    assert [name for name in pages if name not in index] == []
