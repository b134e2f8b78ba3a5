from __future__ import annotations

import math
import signal
import threading
import time

import pytest

from goodfit.training.attention import Attention, heeding_interrupts
from goodfit.training.state import TrainingState
from goodfit.training.stopping import Best


def state() -> TrainingState:
    return TrainingState(best=Best(False))


def test_it_does_what_is_due_and_no_more():
    done: list[str] = []
    attention = Attention(
        save=lambda _: done.append("save"),
        save_every=0.0,
        progress=lambda _: done.append("progress"),
        progress_every=1e9,
    )
    attention.begin(5.0)
    now = state()
    assert attention.look(now) is None
    assert done == ["save"]
    assert 5.0 <= now.seconds < 6.0
    assert attention.at <= time.perf_counter()


def test_nothing_to_do_costs_one_comparison():
    attention = Attention(save_every=0.0)
    assert attention.at == math.inf


def test_the_time_budget_counts_the_seconds_of_earlier_processes():
    attention = Attention(time_budget=10.0)
    attention.begin(9.0)
    assert attention.look(state()) is None
    attention.begin(10.0)
    assert attention.look(state()) == "time-budget"


def test_the_hour_of_the_end_holds_whatever_the_budget():
    attention = Attention(time_budget=1e9, ends_at=time.perf_counter() - 1.0)
    assert attention.look(state()) == "time-budget"


def test_somebody_outside_may_end_it():
    attention = Attention()
    attention.end("dropped")
    assert attention.at == -math.inf
    assert attention.look(state()) == "dropped"
    attention.begin(0.0)
    assert attention.look(state()) is None


def test_an_end_may_be_asked_for_where_progress_is_shown():
    attention = Attention(progress=lambda _: attention.end("time-budget"), progress_every=0.0)
    assert attention.look(state()) is None
    assert attention.at == -math.inf
    assert attention.look(state()) == "time-budget"


def test_an_end_is_saved_first():
    saved: list[int] = []
    attention = Attention(save=lambda state: saved.append(state.batch))
    attention.interrupt()
    assert attention.at == -math.inf
    assert attention.look(state()) == "interrupted"
    assert saved == [0]


def test_beginning_anew_does_not_forget_an_interrupt():
    attention = Attention()
    attention.interrupt()
    attention.begin(0.0)
    assert attention.look(state()) == "interrupted"


def test_the_first_ctrl_c_asks_and_the_second_stops():
    attention = Attention()
    before = signal.getsignal(signal.SIGINT)
    with heeding_interrupts(attention):
        signal.raise_signal(signal.SIGINT)
        assert attention.interrupted
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_leave_signals_alone():
    seen = []

    def work() -> None:
        with heeding_interrupts(Attention()):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]
