"""A lock key leaves no trace."""

from __future__ import annotations

import getpass
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qs_jupyter.magics.keys import KeyRing, LockKey
from qs_jupyter.magics.qserver import loaded
from tests.contract.magics.notebook import ManagerThread, Notebook

KEY = "correct-horse-battery"


class TypedKeys:
    """Somebody who types keys when asked."""

    def __init__(self) -> None:
        self.answer = KEY
        self.questions: list[str] = []

    def __call__(self, question: str) -> str:
        self.questions.append(question)
        return self.answer


@pytest.fixture
def typist(notebook: Notebook) -> Iterator[TypedKeys]:
    """Somebody at the keyboard of the notebook."""
    magics = loaded(notebook.shell)
    assert magics is not None
    typed = TypedKeys()
    magics.session.keys = KeyRing(typed, {})
    return typed


def everything_shown(notebook: Notebook, manager: ManagerThread, *cells: str) -> str:
    """Run cells and return all that a saved notebook, a log or a curious variable could hold."""
    shown = []
    for cell in cells:
        ran = notebook.run(cell)
        shown += [ran.output, repr(ran.result), repr(ran.error)]
        if hasattr(ran.result, "_repr_html_"):
            shown.append(ran.result._repr_html_())
        if ran.error is not None:
            shown += [str(ran.error), repr(vars(ran.error))]
    namespace = {name: repr(value) for name, value in notebook.shell.user_ns.items()}
    events = manager.call("events_get", since=0)
    return "\n".join((*shown, repr(namespace), repr(events)))


def test_a_prompted_key_is_in_no_output_variable_or_event(
    notebook: Notebook, manager: ManagerThread, typist: TypedKeys
) -> None:
    text = everything_shown(
        notebook,
        manager,
        "%qserver lock all 'sample change'",
        "reply = %qserver queue add plan count([det1])",
        "%qserver whoami",
        "%qserver lock info",
        "%qserver --raw lock info",
        "%qserver -n queue clear",
        "%qserver queue item get 99",
        "from qs_jupyter.magics.qserver import loaded\nloaded(get_ipython()).session.keys",
        "loaded(get_ipython()).session.keys.find",
        "%qserver unlock",
    )
    assert typist.questions == ["Lock key: "]
    assert KEY not in text
    assert manager.call("status")["lock"] == {"environment": False, "queue": False}


def test_the_key_is_kept_until_unlock_and_no_longer(
    notebook: Notebook, manager: ManagerThread, typist: TypedKeys
) -> None:
    notebook.good("%qserver lock queue")
    notebook.good("%qserver queue add plan count([det1])")
    notebook.good("%qserver unlock")
    assert len(typist.questions) == 1
    manager.call("lock", lock_key="another", user="bob", queue=True)
    text = notebook.bad("%qserver queue clear")
    assert "Invalid lock key" in text
    assert "bob" in text
    manager.call("unlock", lock_key="another")


def test_a_wrong_key_is_refused_at_the_prompt(
    notebook: Notebook, manager: ManagerThread, typist: TypedKeys
) -> None:
    manager.call("lock", lock_key="another", user="bob", queue=True)
    text = notebook.bad("%qserver key prompt")
    assert KEY not in text
    typist.answer = "another"
    notebook.good("%qserver key")
    notebook.good("%qserver queue clear")
    notebook.good("%qserver key forget")
    assert "Invalid lock key" in notebook.bad("%qserver queue clear")
    notebook.good("%qserver key\n%qserver unlock")


def test_a_typed_key_warns_once(notebook: Notebook) -> None:
    ran = notebook.run(f"%qserver -k {KEY} lock queue\n%qserver -k {KEY} unlock")
    assert ran.ok
    assert ran.output.count("leaves no trace") == 1
    assert KEY not in ran.output


def test_without_anybody_to_ask_the_ways_out_are_told(notebook: Notebook) -> None:
    text = notebook.bad("%qserver unlock")
    assert "QSERVER_LOCK_KEY" in text


def test_a_key_comes_from_the_variable_or_a_private_file(
    notebook: Notebook, manager: ManagerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QSERVER_LOCK_KEY", "from-variable")
    notebook.good("%qserver lock queue")
    notebook.good("%qserver queue clear")
    manager.call("unlock", lock_key="from-variable")
    monkeypatch.delenv("QSERVER_LOCK_KEY")
    notebook.good("%qserver key forget")
    file = Path("~/.config/qserver/default_lock_key.txt").expanduser()
    file.parent.mkdir(parents=True)
    file.write_text("from-file\n")
    file.chmod(0o644)
    assert "nobody can be asked" in notebook.bad("%qserver lock queue")
    file.chmod(0o600)
    notebook.good("%qserver lock queue")
    manager.call("unlock", lock_key="from-file")


def test_the_kernels_own_prompt_is_used(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kernel_getpass(_question: str) -> str:
        return KEY

    # What ipykernel does while a cell runs.
    monkeypatch.setattr(getpass, "getpass", kernel_getpass)
    notebook.shell.kernel = object()
    try:
        notebook.good("%qserver lock queue\n%qserver unlock")
    finally:
        del notebook.shell.kernel


def test_a_key_cannot_be_written_anywhere() -> None:
    key = LockKey(KEY)
    makers: list[Callable[[LockKey], object]] = [repr, str, "{}".format]
    assert all(KEY not in str(make(key)) for make in makers)
    with pytest.raises(TypeError, match="not written anywhere"):
        pickle.dumps(key)
