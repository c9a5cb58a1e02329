"""`python -m bench [name]`: run all benchmarks, or the one that `ONLY` or the argument names."""

from __future__ import annotations

import os
import sys

from bench.backup import backup
from bench.call_log import call_log
from bench.creation import creation
from bench.crowds import crowds
from bench.digests import digests
from bench.downloads import downloads
from bench.dump import dump
from bench.includes import includes
from bench.large_dump import large_dump
from bench.load import anonymous_logins, throughput
from bench.portal import portal
from bench.preparing import preparing
from bench.questions import questions
from bench.search import search
from bench.search_lag import search_lag
from bench.soap import soap
from bench.uploads import uploads

BENCHMARKS = {
    "questions": questions,
    "creation": creation,
    "includes": includes,
    "dump": dump,
    "large_dump": large_dump,
    "backup": backup,
    "search": search,
    "search_lag": search_lag,
    "soap": soap,
    "digests": digests,
    "downloads": downloads,
    "uploads": uploads,
    "preparing": preparing,
    "crowds": crowds,
    "portal": portal,
    "logins": anonymous_logins,
    "throughput": throughput,
    "call_log": call_log,
}


def main() -> int:
    """Run what was asked for; unknown names are an error."""
    only = next((name for name in (*sys.argv[1:], os.environ.get("ONLY", "")) if name), None)
    if only is not None and only not in BENCHMARKS:
        print(f"no benchmark {only}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    for name, benchmark in BENCHMARKS.items():
        if only in (None, name):
            benchmark()
    return 0


if __name__ == "__main__":
    sys.exit(main())
