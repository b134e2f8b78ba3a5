from __future__ import annotations

import copy
import pickle

import pytest

from goodfit.errors import GoodfitError, InputError, MachineError


def test_an_error_says_its_sentence_in_both_languages():
    error = InputError("usage.no-command", name="trainn", known=["train", "predict"])
    assert str(error) == "There is no command 'trainn'; the commands are train, predict."
    assert error.text("es") == "No existe la orden 'trainn'; las órdenes son train, predict."
    assert error.code == "usage.no-command"


@pytest.mark.parametrize(
    ("kind", "status", "builtin"), [(InputError, 2, ValueError), (MachineError, 3, OSError)]
)
def test_wrong_input_is_a_value_error_and_a_failing_machine_an_os_error(kind, status, builtin):
    error = kind("files.not-written", path="x", problem="full")
    assert isinstance(error, GoodfitError)
    assert isinstance(error, builtin)
    assert error.exit_status == status


@pytest.mark.parametrize("kind", [InputError, MachineError])
def test_an_error_goes_through_pickle_and_copy_between_processes(kind):
    error = kind("files.not-written", path="x", problem="full")
    for again in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert type(again) is kind
        assert str(again) == str(error)
        assert again.message == error.message
