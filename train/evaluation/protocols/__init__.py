"""One protocol per set: what is measured on it, and how."""

from __future__ import annotations

from typing import Final

from train.evaluation.protocols import human36m, lsp, mpi_inf_3dhp, mpii, rendered
from train.evaluation.shared import Protocol

PROTOCOLS: Final[dict[str, Protocol]] = {
    "lsp": lsp.figures,
    "lspet": lsp.figures,
    "mpii": mpii.figures,
    "human36m": human36m.figures,
    "mpi_inf_3dhp": mpi_inf_3dhp.figures,
    "rendered": rendered.figures,
}
"""By the name of the set."""
