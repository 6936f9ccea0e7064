"""``python -IS tests/warm_process.py PLACE -m MODULE …``: the front of a process that `tests/warmed.py` forks.

It hands over its arguments, folder, environment and streams, then the signals that it gets, and ends as the fork does. It starts in
a moment: no import but these.
"""

import json
import os
import signal
import socket
import sys

with socket.socket(socket.AF_UNIX) as server:
    server.connect("\0" + sys.argv[1])
    request = json.dumps([sys.argv[2:], os.getcwd(), dict(os.environ)]).encode()  # noqa: PTH109, a slow import
    socket.send_fds(server, [len(request).to_bytes(4, "big")], [0, 1, 2])
    server.sendall(request)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: server.send(bytes([number])))
    for stream in range(3):
        os.close(stream)
    status = int(server.recv(16) or 1)
if status < 0:
    signal.signal(-status, signal.SIG_DFL) if -status not in (signal.SIGKILL, signal.SIGSTOP) else None
    os.kill(os.getpid(), -status)
os._exit(status)
