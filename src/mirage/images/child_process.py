"""Runs the functions of a script for `mirage.images.child.Child`, as a process that may die. It imports nothing of MIRAGE.

Its arguments are the script, the paths of modules as JSON, and the bytes that it may take. A request is a line of JSON (the
function's name, how many bytes follow, how many seconds it may take, what is given), and bytes. An answer is two numbers of
8 bytes, which are the lengths of JSON and of bytes that follow.
"""

from __future__ import annotations

import json
import runpy
import signal
import sys
from typing import Any


def main() -> None:
    """Answer requests until there are no more."""
    script, paths, most = sys.argv[1:4]
    sys.path[:] = json.loads(paths)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with its parent, which may go on
    does: dict[str, Any] = runpy.run_path(script)["begin"]()
    _limit(int(most))
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    alarm = getattr(signal, "alarm", lambda seconds: None)
    for line in requests:
        what, size, seconds, *given = json.loads(line)
        alarm(int(seconds) + 10)  # for a parent that is not there any more to end it
        try:
            told, data = does[what](*given, *([requests.read(size)] if size else []))
            head = json.dumps(told, default=str).encode()
        except MemoryError:
            if "forget" in does:
                does["forget"]()
            head, data = json.dumps({"error": "it needs more memory than it may take", "memory": True}).encode(), b""
        except Exception as error:  # whatever a reader of strangers' bytes raises
            said = (str(error).strip() or type(error).__name__).split("\n")[0].rstrip(".")[:200]
            head, data = json.dumps({"error": said}).encode(), b""
        answers.write(len(head).to_bytes(8, "big") + len(data).to_bytes(8, "big") + head)
        answers.write(data)
        answers.flush()
        alarm(0)


def _limit(more: int) -> None:
    """Take no more than so many bytes beyond what this process has now; nothing where that cannot be told."""
    try:
        import resource  # noqa: PLC0415 - not everywhere

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - one module less to import
            most = int(file.read().split()[0]) * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    except (ImportError, OSError, ValueError):
        pass


if __name__ == "__main__":
    main()
