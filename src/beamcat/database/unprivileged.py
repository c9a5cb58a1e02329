"""Run a program as another account: `python unprivileged.py UID GID CAPABILITIES COMMAND...`.

PostgreSQL refuses to run as root. When Beamcat is root, its server becomes an unprivileged account instead. That
account may be unable to reach the home or the installed programs, for they may lie below folders only root may enter.
Opening these folders would show their other content to everybody, so the process keeps the one capability it needs:
CAP_DAC_READ_SEARCH enters and reads any folder, CAP_DAC_OVERRIDE (only when a program itself is not executable for
others) does that and more. The bit SECBIT_NO_SETUID_FIXUP makes access(2), by which PostgreSQL looks for its own
programs, honour them: see capabilities(7).

The file is run by its path, alone, before the server replaces it: it imports nothing of Beamcat.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence

DAC_OVERRIDE = 1
DAC_READ_SEARCH = 2

_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_CAPABILITY_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def become(uid: int, gid: int, capabilities: Sequence[int]) -> None:
    """Turn this process into the account for good, keeping only `capabilities`, also for the programs it runs."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    if capabilities:
        _prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
    os.setresuid(uid, uid, uid)
    if capabilities:
        _set_capabilities(sum(1 << capability for capability in capabilities))
        for capability in capabilities:
            _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)


def _prctl(option: int, *values: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    if libc.prctl(ctypes.c_int(option), *arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def _set_capabilities(mask: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    header = _Header(_CAPABILITY_VERSION_3, 0)
    sets = (_Sets * 2)(_Sets(mask, mask, mask), _Sets(0, 0, 0))
    if libc.capset(ctypes.byref(header), ctypes.byref(sets)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"capset: {os.strerror(number)}")


def main(arguments: Sequence[str]) -> None:
    """Become the account of the first three arguments, then run the rest. Returns never."""
    uid, gid, capabilities, *command = arguments
    try:
        become(int(uid), int(gid), [int(number) for number in capabilities.split(",") if number])
        os.execv(command[0], command)  # noqa: S606 - the command is Beamcat's own, and no shell is wanted
    except OSError as error:
        sys.exit(f"cannot run {command[0]} as the account {uid}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
