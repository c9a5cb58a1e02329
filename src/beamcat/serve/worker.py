"""One worker: a process that answers requests on the socket it was given, until it is told to stop or its parent dies.

Started as `python -m beamcat.serve.worker SOCKET PARENT`, with the settings on standard input: neither the command line
nor the environment shows them. It binds its life to that of the parent before it loads all the rest: a worker that
outlives a killed parent, if only while it starts, holds the address that the next parent needs.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until SIGTERM."""
    socket, parent = int(sys.argv[1]), int(sys.argv[2])
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which tells its workers
    gc.disable()  # what is loaded stays: looking through it again and again takes a sixth of the start
    from beamcat.serve.answering import answer

    gc.freeze()
    gc.enable()
    answer(socket, sys.stdin.buffer)


def die_with(parent: int) -> None:
    """Ask the kernel to kill this process when `parent` dies, however it dies (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    main()
