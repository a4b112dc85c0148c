"""One of the processes that ``bench --train --processes N`` times; started by torchrun, never by hand.

``python -m torch.distributed.run --standalone --nproc-per-node 2 -m train.bench_processes ROUNDS BATCH``
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import torch

from train import bench
from train.batches import BatchMaker, Planner
from train.distributed import group


def main(rounds: int, batch: int) -> None:
    """Take steps on this process's rows of one batch; the first process prints the seconds of each as JSON."""
    with group("cpu") as together, tempfile.TemporaryDirectory() as folder:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // together.size_here))
        trainer = bench.trainer("compact", batch, "bfloat16", "cpu", Path(folder), together)
        sets = bench.noise(False), bench.noise(True)
        planner = Planner(trainer.config, trainer.model.config.input_px, *sets, rows=together.rows(batch))
        ready = BatchMaker(planner).make(0).to("cpu")
        stage = trainer.config.stage[0]
        times = []
        for number in range(rounds + 2):
            began = time.perf_counter()
            trainer._one_step(ready, stage, stage.rate)
            if number >= 2:  # the first two warm up
                times.append(time.perf_counter() - began)
        if together.leads:
            print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
