"""A session that is told to end is interrupted once."""

import signal

import pytest

from vitwork.device.settings import kept
from vitwork.session.termination import interruptible


def test_a_second_signal_interrupts_no_more():
    """Not where the first came while code of a user's ran, after which handlers are given back, either."""
    outside = signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the handler of the session that runs this test
    try:
        with interruptible():
            with pytest.raises(KeyboardInterrupt), kept():
                signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, outside)
