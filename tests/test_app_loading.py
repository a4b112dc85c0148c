"""What a window waits for at its start: neither loading the network's library nor a garbage collection holds it up."""

from __future__ import annotations

import json
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


_UNCOLLECTED = """
import gc, json
collected = []
gc.callbacks.append(lambda when, told: collected.append(when) if told["generation"] == 2 else None)
from app.services.backend import TorchBackend
before = len(collected)
TorchBackend().prepare()
gc.callbacks.clear()
print(json.dumps([len(collected) - before, gc.isenabled(), gc.get_freeze_count()]))
"""


def test_no_garbage_collection_stops_the_window_while_torch_is_imported() -> None:
    done = subprocess.run([sys.executable, "-c", _UNCOLLECTED], cwd=_ROOT, capture_output=True, text=True, check=True)
    collections, on_again, spared = json.loads(done.stdout)
    assert collections == 0
    assert on_again
    assert spared > 100_000
