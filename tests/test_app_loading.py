"""What a window waits for at its start: loading the network's library does not hold it up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_BESIDE = """
import threading, time
from app.services.backend import load_library

done, loaded, beats = threading.Event(), [], 0

def load():
    loaded.append(load_library())
    done.set()

threading.Thread(target=load).start()
while not done.is_set():
    time.sleep(0.001)
    beats += 1
import torch
assert loaded == [True] and torch.ones(2).sum() == 2
print(beats)
"""


def test_other_threads_go_on_while_the_networks_library_is_loaded() -> None:
    beats = subprocess.run([sys.executable, "-c", _BESIDE], cwd=_ROOT, capture_output=True, text=True, check=True)
    # Python's lock held all the time lets the loop turn once or twice.
    assert int(beats.stdout) > 10
