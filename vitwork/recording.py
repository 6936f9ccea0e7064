"""Work on a GPU recorded once, and launched as a whole from then on.

A small network's work is some thousand kernels, and a processor takes longer to launch them than a GPU to compute them. A
CUDA graph launches all of them at once; it repeats what was recorded on the very same tensors.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

Record = Callable[[Callable[[], None]], Callable[[], object]]
"""Maps a function that changes tensors in place to what repeats it."""


def cuda_graph(compute: Callable[[], None]) -> Callable[[], object]:
    """Record what a function launches on the current stream, which is not the default one, and return what replays it.

    Raises:
        RuntimeError: it waits for the device, or something else in it cannot be recorded.
    """
    graph = torch.cuda.CUDAGraph()
    # Other threads, which copy streamed images, may go on meanwhile.
    with torch.cuda.graph(graph, stream=torch.cuda.current_stream(), capture_error_mode="thread_local"):
        compute()
    return graph.replay
